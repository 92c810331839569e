import { afterEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../node-core/base/bytes.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { SystemClock } from '../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../node-core/io/udp-socket.ts';
import { type NatBehaviour, NatSocket } from '../../node-core/testbed/nat-socket.ts';
import { notRun } from '../support/not-run.ts';
import { sendFromPortZero } from '../support/raw-udp.ts';
import { waitFor } from '../support/wait-for.ts';

const ANY: Endpoint = { host: '127.0.0.1', port: 0 };
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Heard {
  readonly text: string;
  readonly from: Endpoint;
}

async function udp(): Promise<{ readonly socket: UdpSocket; readonly heard: Heard[] }> {
  const socket = await UdpSocket.bind(ANY);
  closing.push(() => socket.close());
  return { socket, heard: listen(socket) };
}

async function nat(kind: NatBehaviour): Promise<{ readonly socket: NatSocket; readonly heard: Heard[] }> {
  const socket = await NatSocket.open(kind, ANY.host, new SystemClock());
  closing.push(() => socket.close());
  return { socket, heard: listen(socket) };
}

function listen(socket: UdpSocket | NatSocket): Heard[] {
  const heard: Heard[] = [];
  socket.onDatagram = (bytes, from) => heard.push({ text: new TextDecoder().decode(bytes), from });
  return heard;
}

async function texts(heard: readonly Heard[], count: number): Promise<string[]> {
  await waitFor(() => heard.length >= count);
  return heard.map(({ text }) => text);
}

describe('UDP', () => {
  test('a burst arrives whole and in order although only a few datagrams leave in a turn', async () => {
    const [a, b] = [await udp(), await udp()];
    for (let index = 0; index < 1_000; index++) a.socket.send(utf8(`${index}`), b.socket.local);
    expect(await texts(b.heard, 1_000)).toEqual(Array.from({ length: 1_000 }, (_, index) => `${index}`));
    expect(a.socket.counts.dropped.total).toBe(0);
  });

  test('what the queue cannot hold is counted, never thrown', async () => {
    const { socket } = await udp();
    for (let index = 0; index < 9_000; index++) socket.send(utf8('x'), socket.local);
    expect(socket.counts.dropped.of('queue full')).toBeGreaterThan(500);
    await socket.close();
    socket.send(utf8('x'), socket.local);
    await socket.close();
  });

  test.each([
    ['port 0', 'port 0', { host: '127.0.0.1', port: 0 }],
    ['a name', 'not an address', { host: 'localhost', port: 9 }],
    ['nothing at all', 'not an address', { host: '', port: 9 }],
    ['the other family', 'other family', { host: '::1', port: 9 }],
    ['a port above 65535', 'ERR_SOCKET_BAD_PORT', { host: '127.0.0.1', port: 65_536 }],
    ['a broadcast address', 'EACCES', { host: '255.255.255.255', port: 9 }],
  ])('what is for %s does not leave, is counted as %j, and the next datagram leaves', async (_what, reason, to) => {
    const [a, b] = [await udp(), await udp()];
    a.socket.send(utf8('lost'), to);
    a.socket.send(utf8('next'), b.socket.local);
    expect(await texts(b.heard, 1)).toEqual(['next']);
    await waitFor(() => a.socket.counts.dropped.of(reason) === 1);
    expect(a.socket.counts.dropped.total).toBe(1);
    expect(a.socket.counts.outgoing).toBe(2);
  });

  test('what is for a host beyond loopback does not leave, and the next datagram leaves', async () => {
    const [a, b] = [await udp(), await udp()];
    a.socket.send(utf8('lost'), { host: '192.0.2.1', port: 9 });
    a.socket.send(utf8('next'), b.socket.local);
    expect(await texts(b.heard, 1)).toEqual(['next']);
    // by whichever name: a machine without another network has no route, one with it has no address for it here
    await waitFor(() => a.socket.counts.dropped.of('EINVAL') + a.socket.counts.dropped.of('ENETUNREACH') === 1);
  });

  test('a datagram that is too long is counted as the system names it', async () => {
    const { socket } = await udp();
    socket.send(new Uint8Array(65_536), socket.local);
    await waitFor(() => socket.counts.dropped.of('EMSGSIZE') === 1);
  });

  test('what a datagram makes its receiver throw is counted, and the next datagram is heard', async () => {
    const [a, b] = [await udp(), await udp()];
    const heard: string[] = [];
    b.socket.onDatagram = (bytes) => {
      heard.push(new TextDecoder().decode(bytes));
      if (heard.length === 1) throw new Error('a fault that a test has made');
    };
    for (const text of ['first', 'second']) a.socket.send(utf8(text), b.socket.local);
    await waitFor(() => heard.length === 2);
    expect(b.socket.counts.dropped.of('fault')).toBe(1);
    expect(b.socket.counts.incoming).toBe(2);
  });

  test('a datagram from UDP port 0 is counted and handed to nobody', async (context) => {
    const [a, b] = [await udp(), await udp()];
    if (!(await sendFromPortZero(utf8('from nowhere'), b.socket.local))) notRun(context, 'no raw sockets here');
    await waitFor(() => b.socket.counts.dropped.of('port 0') === 1);
    a.socket.send(utf8('hello'), b.socket.local);
    expect(await texts(b.heard, 1)).toEqual(['hello']);
  });

  test('one socket for both families hears and answers IPv4 as IPv4', async () => {
    const both = await UdpSocket.bind({ host: '::', port: 0 });
    closing.push(() => both.close());
    const heard = listen(both);
    const [v4, v6] = [await udp(), await UdpSocket.bind({ host: '::1', port: 0 })];
    closing.push(() => v6.close());
    v4.socket.send(utf8('four'), { host: '127.0.0.1', port: both.local.port });
    await waitFor(() => heard.length === 1);
    expect(heard[0]?.from).toEqual(v4.socket.local);
    both.send(utf8('answer'), v4.socket.local);
    expect(await texts(v4.heard, 1)).toEqual(['answer']);
    const heardV6 = listen(v6);
    both.send(utf8('six'), v6.local);
    expect(await texts(heardV6, 1)).toEqual(['six']);
  });
});

describe('a simulated NAT', () => {
  test('a cone shows one port to all', async () => {
    const [inside, a, b] = [await nat('port-restricted'), await udp(), await udp()];
    inside.socket.send(utf8('hello'), a.socket.local);
    inside.socket.send(utf8('hello'), b.socket.local);
    await Promise.all([texts(a.heard, 1), texts(b.heard, 1)]);
    expect(a.heard[0]?.from).toEqual(inside.socket.local);
    expect(b.heard[0]?.from).toEqual(inside.socket.local);
  });

  test('a symmetric one shows another port to each, and lets in only whom it was opened for', async () => {
    const [inside, a, b] = [await nat('symmetric'), await udp(), await udp()];
    for (const peer of [a, b]) inside.socket.send(utf8('hello'), peer.socket.local);
    await Promise.all([texts(a.heard, 1), texts(b.heard, 1)]);
    const [forA, forB] = [a.heard[0]?.from as Endpoint, b.heard[0]?.from as Endpoint];
    expect(new Set([forA.port, forB.port, inside.socket.local.port]).size).toBe(3);
    b.socket.send(utf8('b at a’s port'), forA);
    b.socket.send(utf8('b at the first port'), inside.socket.local);
    a.socket.send(utf8('a'), forA);
    expect(await texts(inside.heard, 1)).toEqual(['a']);
    await waitFor(() => inside.socket.counters.refused === 2);
    const { remotes, mappings } = inside.socket.counters;
    expect(mappings).toBe(3);
    expect(remotes[`127.0.0.1:${a.socket.local.port}`]).toEqual({
      outgoing: 1,
      incoming: 1,
      refused: 0,
      outgoingBytes: 5,
      incomingBytes: 1,
    });
    expect(remotes[`127.0.0.1:${b.socket.local.port}`]).toMatchObject({ outgoing: 1, incoming: 0, refused: 2 });
  });

  test.each([
    ['none', true, true],
    ['full-cone', true, true],
    ['restricted', false, true],
    ['port-restricted', false, false],
  ] as const)(
    '%s: strangers in at first %s, once another port of their host was spoken to %s',
    async (kind, first, then) => {
      const [inside, contacted, stranger] = [await nat(kind), await udp(), await udp()];
      stranger.socket.send(utf8('first'), inside.socket.local);
      await waitFor(() => inside.socket.counters.incoming + inside.socket.counters.refused === 1);
      inside.socket.send(utf8('hello'), contacted.socket.local);
      await texts(contacted.heard, 1);
      stranger.socket.send(utf8('then'), inside.socket.local);
      await waitFor(() => inside.socket.counters.incoming + inside.socket.counters.refused === 2);
      expect(inside.heard.map(({ text }) => text)).toEqual([...(first ? ['first'] : []), ...(then ? ['then'] : [])]);
    },
  );

  test('made a full cone, it keeps the port by which the beacon knows the node', async () => {
    const [inside, beacon, peer] = [await nat('symmetric'), await udp(), await udp()];
    inside.socket.send(utf8('discover'), beacon.socket.local);
    inside.socket.send(utf8('hello'), peer.socket.local);
    await Promise.all([texts(beacon.heard, 1), texts(peer.heard, 1)]);
    const known = beacon.heard[0]?.from as Endpoint;
    inside.socket.setKind('full-cone', beacon.socket.local);
    peer.socket.send(utf8('straight'), known);
    expect(await texts(inside.heard, 1)).toEqual(['straight']);
    inside.socket.send(utf8('answer'), peer.socket.local);
    await texts(peer.heard, 2);
    expect(peer.heard[1]?.from).toEqual(known);
    expect(inside.socket.counters.mappings).toBe(1);
  });

  test('changed while a port is being opened, it sends what waits from where it now should', async () => {
    const [inside, peer] = [await nat('symmetric'), await udp()];
    inside.socket.send(utf8('hello'), peer.socket.local);
    inside.socket.setKind('port-restricted', undefined);
    expect(await texts(peer.heard, 1)).toEqual(['hello']);
    expect(peer.heard[0]?.from).toEqual(inside.socket.local);
    expect(inside.socket.counters.mappings).toBe(1);
  });
});
