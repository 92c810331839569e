import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../node-core/base/bytes.ts';
import type { Endpoint, FramedChannel } from '../../node-core/base/transport.ts';
import { listenForChannels } from '../../node-core/io/channel-listener.ts';
import { openChannel } from '../../node-core/io/open-channel.ts';
import { SystemClock } from '../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../node-core/io/udp-socket.ts';
import { type NatBehaviour, NatSocket } from '../../node-core/testbed/nat-socket.ts';
import { notRun } from '../support/not-run.ts';
import { sendFromPortZero } from '../support/raw-udp.ts';
import { breakOff } from '../support/reset.ts';
import { uncaughtDuring } from '../support/uncaught.ts';
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

describe('TCP channels', () => {
  const limits = {
    connections: 4,
    connectionsPerSource: 4,
    keptBytes: 1_000_000,
    keptBytesPerSource: 1_000_000,
    messageBytes: 1_024,
    unsentBytes: 100_000,
    idleMs: 60_000,
    messageMs: 60_000,
  };

  async function listener(options: Partial<typeof limits> = {}) {
    const channels: FramedChannel[] = [];
    const messages: string[] = [];
    const opened = await listenForChannels(ANY, { ...limits, ...options }, (channel) => {
      channels.push(channel);
      channel.onMessage = (message) => {
        messages.push(new TextDecoder().decode(message));
        if (messages.at(-1) === 'close') channel.close();
        else channel.send(message);
      };
    });
    closing.push(() => opened.close());
    return { local: opened.local, opened, channels, messages };
  }

  /** A raw connection: what it sent back, and whether it was closed. */
  function raw(to: Endpoint, hex: string, from = '127.0.0.1') {
    const state = { received: '', closed: false };
    const socket = connect({ ...to, localAddress: from });
    socket.on('error', () => {});
    socket.on('close', () => {
      state.closed = true;
    });
    socket.on('data', (bytes) => {
      state.received += toHex(bytes);
    });
    socket.write(fromHex(hex));
    closing.push(() => void socket.destroy());
    return { state, socket };
  }

  test('carry messages both ways and tell of the end', async () => {
    const { local } = await listener();
    const channel = await openChannel(local, 5_000);
    const got: string[] = [];
    let ended = '';
    channel.onMessage = (message) => got.push(new TextDecoder().decode(message));
    channel.onClosed = (reason) => {
      ended = reason;
    };
    for (const text of ['a', 'b', 'c']) channel.send(utf8(text));
    await waitFor(() => got.length === 3);
    expect(got).toEqual(['a', 'b', 'c']);
    channel.send(utf8('close'));
    await waitFor(() => ended !== '');
    channel.send(utf8('too late'));
  });

  test('hand on nothing more once they were closed from inside', async () => {
    const { local, messages } = await listener();
    const { state } = raw(local, '00000005636c6f7365' + '0000000161');
    await waitFor(() => state.closed);
    expect(messages).toEqual(['close']);
  });

  test.each([
    ['an empty message', '00000000'],
    ['a message above the limit', '00000401'],
    ['the binary protocol', '50494c5401'],
  ])('end on %s', async (_what, hex) => {
    const { local, messages } = await listener();
    const { state } = raw(local, hex);
    await waitFor(() => state.closed);
    expect(messages).toEqual([]);
  });

  test('end when a message does not become whole, and when nothing is said', async () => {
    const slow = await listener({ messageMs: 50 });
    const { state, socket } = raw(slow.local, '0000000a');
    const drip = setInterval(() => socket.write('x'), 20);
    await waitFor(() => state.closed);
    clearInterval(drip);
    const silent = await listener({ idleMs: 50 });
    const idle = raw(silent.local, '');
    await waitFor(() => idle.state.closed);
  });

  test('end when the other side does not read', async () => {
    const { local, channels } = await listener();
    const { socket, state } = raw(local, '');
    socket.pause();
    await waitFor(() => channels.length === 1);
    let ended = false;
    const [channel] = channels as [FramedChannel];
    channel.onClosed = () => {
      ended = true;
    };
    for (let sent = 0; sent < 20_000 && !ended; sent++) {
      channel.send(new Uint8Array(10_000));
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await waitFor(() => ended);
    socket.resume();
    await waitFor(() => state.closed);
  });

  test('are refused above their number, and taken again when others have left', async () => {
    const { local, channels } = await listener({ connections: 1 });
    const first = raw(local, '');
    await waitFor(() => channels.length === 1);
    const second = raw(local, '');
    await waitFor(() => second.state.closed);
    expect(first.state.closed).toBe(false);
    first.socket.destroy();
    await waitFor(() => first.state.closed);
    await waitFor(async () => {
      const third = raw(local, '0000000161');
      await new Promise((resolve) => setTimeout(resolve, 20));
      return third.state.received === '0000000161';
    });
  });

  test.each([
    ['before it said anything', ''],
    ['in the middle of a message', '000000ff61'],
    ['after a message', '0000000161'],
    ['that promised too much', 'ffffffff'],
  ])('that are reset %s harm no other', async (_when, hex) => {
    const uncaught = await uncaughtDuring(async () => {
      const { local, channels } = await listener();
      const words = Buffer.from(hex, 'hex').toString('latin1');
      for (const how of ['reset', 'end'] as const) await breakOff(local, words, how);
      for (const channel of channels) channel.send(new Uint8Array(10));
      const other = raw(local, '0000000161');
      await waitFor(() => other.state.received === '0000000161');
    });
    expect(uncaught).toEqual([]);
  });

  test('say why there is none', async () => {
    const { local } = await listener();
    for (const close of closing.splice(0)) await close();
    await expect(openChannel(local, 5_000)).rejects.toMatchObject({ code: 'registry.unavailable' });
  });

  test('of one host do not shut another out, and those that gave way are counted', async () => {
    const { local, opened } = await listener({ connections: 3, connectionsPerSource: 3 });
    const greedy = [raw(local, ''), raw(local, ''), raw(local, '')];
    await waitFor(() => opened.open === 3);
    const neighbour = raw(local, '0000000161');
    await waitFor(() => neighbour.state.received === '0000000161');
    await waitFor(() => greedy.filter(({ state }) => state.closed).length === 1);
    const other = raw(local, '00000001' + '61', '127.0.0.2');
    await waitFor(() => other.state.received === '0000000161');
    await waitFor(() => opened.open === 3);
    expect(Object.fromEntries(opened.refused)).toEqual({ 'gave way': 2 });
  });

  test('of one host keep so many bytes in all, and leave the rest to others', async () => {
    const { local, opened } = await listener({ keptBytesPerSource: 2_000, keptBytes: 3_000 });
    const half = `00000400${'61'.repeat(900)}`;
    const greedy = [raw(local, half), raw(local, half), raw(local, half)];
    await waitFor(() => greedy.filter(({ state }) => state.closed).length === 1);
    const other = raw(local, '00000001' + '61', '127.0.0.2');
    await waitFor(() => other.state.received === '0000000161');
    expect(Object.fromEntries(opened.refused)).toEqual({ memory: 1 });
    for (const { socket } of greedy) socket.destroy();
    await waitFor(() => opened.open === 1);
    const again = raw(local, half);
    await waitFor(() => opened.open === 2);
    again.socket.write(fromHex('61'.repeat(1_024 - 900)));
    await waitFor(() => again.state.received.length === 2 * (4 + 1_024));
  });

  test('end alone when what came over one made its receiver throw', async () => {
    const { local, channels, opened } = await listener();
    const [broken, sound] = [raw(local, ''), raw(local, '')];
    await waitFor(() => channels.length === 2);
    const [first] = channels as [FramedChannel];
    first.onMessage = () => {
      throw new Error('a fault that a test has made');
    };
    for (const { socket } of [broken, sound]) socket.write(fromHex('0000000161'));
    await waitFor(() => broken.state.closed || sound.state.closed);
    await waitFor(() => [broken, sound].some(({ state }) => state.received === '0000000161'));
    expect(opened.refused.get('fault')).toBe(1);
  });
});
