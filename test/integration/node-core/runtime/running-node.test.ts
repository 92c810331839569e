import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PilotError } from '../../../../node-core/base/errors.ts';
import { SystemClock } from '../../../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../../../node-core/io/udp-socket.ts';
import { createIdentity } from '../../../../node-core/runtime/identity-file.ts';
import { createProfile } from '../../../../node-core/runtime/profile.ts';
import { RunningNode } from '../../../../node-core/runtime/running-node.ts';
import { echoService } from '../../../../node-core/services/echo.ts';
import { LocalNetwork } from '../../../support/local-network.ts';
import { TcpRelay } from '../../../support/tcp-relay.ts';

let network: LocalNetwork;
beforeEach(async () => {
  network = await LocalNetwork.start(['travel']);
});
afterEach(() => network.close());

test('two nodes ping each other over real sockets', async () => {
  const alice = await network.node({ hostname: 'alice' });
  const bob = await network.node({ hostname: 'bob' });
  const { rttMs, path } = await alice.ping(bob.nodeId, 5_000);
  expect(path).toBe('direct');
  expect(rttMs).toBeGreaterThan(0);
  expect((await bob.ping(alice.nodeId, 5_000)).path).toBe('direct');
});

test('a megabyte comes back unchanged from the echo port', async () => {
  const alice = await network.node();
  const bob = await network.node();
  bob.serve(echoService);
  const { duplex } = await alice.dial({ nodeId: bob.nodeId, groupId: 0, port: 7 });
  const sent = Buffer.alloc(1_048_576, 'flightdeck ');
  const received: Buffer[] = [];
  let length = 0;
  const whole = new Promise<void>((resolve) => {
    duplex.on('data', (chunk: Buffer) => {
      received.push(chunk);
      length += chunk.length;
      if (length >= sent.length) resolve();
    });
  });
  duplex.write(sent);
  await whole;
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  duplex.end();
  await once(duplex, 'close');
});

test('a port without a listener refuses, and a private stranger hears nothing', async () => {
  const alice = await network.node();
  const bob = await network.node();
  await expect(alice.dial({ nodeId: bob.nodeId, groupId: 0, port: 4_000 })).rejects.toMatchObject({
    code: 'dial.refused',
  });
  await expect(alice.dial({ nodeId: 999, groupId: 0, port: 7 }, AbortSignal.timeout(2_000))).rejects.toBeInstanceOf(
    PilotError,
  );
});

test('no event waits for the next input', async () => {
  const alice = await network.node();
  const dial = alice.dial({ nodeId: 999, groupId: 0, port: 7 }, AbortSignal.timeout(1_000));
  const waiting: unknown[] = [];
  const look = setInterval(() => waiting.push(alice.run((core) => core.pollEvent())), 5);
  await expect(dial).rejects.toMatchObject({ code: 'dial.cancelled' });
  clearInterval(look);
  expect(waiting.filter((event) => event !== undefined)).toEqual([]);
});

test('membership of a group opens a private node to its members', async () => {
  const alice = await network.node({ public: false });
  const bob = await network.node({ public: false });
  bob.serve(echoService);
  await Promise.all([alice.join(1, ''), bob.join(1, '')]);
  const { duplex, groupId } = await alice.dial({ nodeId: bob.nodeId, groupId: 1, port: 7 });
  expect(groupId).toBe(1);
  duplex.write('hello');
  const [answer] = await once(duplex, 'data');
  expect(String(answer)).toBe('hello');
  duplex.destroy();
});

describe('when a node stops', () => {
  let relay: TcpRelay;
  beforeEach(async () => {
    relay = await TcpRelay.to(network.registry);
  });
  afterEach(() => relay.close());

  test.each([
    ['a dial', (node: RunningNode, peer: number) => node.dial({ nodeId: peer, groupId: 0, port: 7 })],
    ['a ping', (node: RunningNode, peer: number) => node.ping(peer, 60_000)],
    ['a call of the registry', (node: RunningNode, peer: number) => node.ask('lookup', { nodeId: peer })],
    ['a join', (node: RunningNode) => node.join(1, '')],
    ['trust', (node: RunningNode, peer: number) => node.trust(peer)],
  ])('%s that waits is told, and so is a later one', async (_what, act) => {
    const peer = await network.node();
    const node = await network.node({}, { registry: relay.local });
    await peer.stop(); // registered still, and silent
    relay.freeze();
    const waiting = act(node, peer.nodeId);
    await Promise.all([expect(waiting).rejects.toMatchObject({ code: 'node.stopped' }), node.stop()]);
    await expect(act(node, peer.nodeId)).rejects.toMatchObject({ code: 'node.stopped' });
  });

  test('who waits for its id is told', async () => {
    const socket = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
    const node = new RunningNode({
      identity: createIdentity(),
      profile: createProfile({ listen: socket.local, version: 'test' }),
      socket,
      registry: { host: '127.0.0.1', port: 1 },
      beacon: network.beacon,
      clock: new SystemClock(),
    });
    await Promise.all([expect(node.registered()).rejects.toMatchObject({ code: 'node.stopped' }), node.stop()]);
  });
});

test.each(['before the dial', 'during the dial'])('a signal that is aborted %s cancels it', async (when) => {
  const node = await network.node();
  const silent = await network.node();
  await silent.stop();
  const cancelling = new AbortController();
  if (when === 'before the dial') cancelling.abort();
  const dialled = node.dial({ nodeId: silent.nodeId, groupId: 0, port: 7 }, cancelling.signal);
  cancelling.abort();
  await expect(dialled).rejects.toMatchObject({ code: 'dial.cancelled' });
});
