import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../node-core/base/bytes.ts';
import type { Endpoint, FramedChannel } from '../../node-core/base/transport.ts';
import { listenForChannels } from '../../node-core/io/channel-listener.ts';
import { openChannel } from '../../node-core/io/open-channel.ts';
import { breakOff } from '../support/reset.ts';
import { uncaughtDuring } from '../support/uncaught.ts';
import { waitFor } from '../support/wait-for.ts';

const ANY: Endpoint = { host: '127.0.0.1', port: 0 };
const closing: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
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
