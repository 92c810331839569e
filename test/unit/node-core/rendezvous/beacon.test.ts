import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import type { Endpoint } from '../../../../node-core/base/transport.ts';
import { Beacon } from '../../../../node-core/rendezvous/beacon.ts';

const ELEVEN: Endpoint = { host: '127.0.0.1', port: 0x982c };
const TWELVE: Endpoint = { host: '127.0.0.1', port: 0xb52c };
const THIRTEEN: Endpoint = { host: '127.0.0.1', port: 4_013 };
const SQUATTER: Endpoint = { host: '192.0.2.66', port: 6_666 };
const STRANGER: Endpoint = { host: '127.0.0.1', port: 6_666 };

function at(seconds: number) {
  return { monotonicMs: seconds * 1_000, unixNano: 0n };
}

/** Hands in a datagram and returns what leaves, as `hex port`. */
function exchange(beacon: Beacon, hex: string, from: Endpoint, seconds = 0): string[] {
  beacon.handleDatagram(fromHex(hex.replaceAll(' ', '')), from, at(seconds));
  return drain(beacon);
}

const discoverOf = (nodeId: number) => `01${nodeId.toString(16).padStart(8, '0')}`;

function drain(beacon: Beacon): string[] {
  const sent: string[] = [];
  for (let out = beacon.pollTransmit(); out !== undefined; out = beacon.pollTransmit()) {
    sent.push(`${toHex(out.bytes)} ${out.to.port}`);
  }
  return sent;
}

function withBoth(beacon = new Beacon()): Beacon {
  exchange(beacon, '01 0000000b', ELEVEN);
  exchange(beacon, '01 0000000c', TWELVE);
  return beacon;
}

describe('the captured exchange', () => {
  test('tells a node how it looks from outside', () => {
    expect(exchange(new Beacon(), '01 0000000b', ELEVEN)).toEqual([`02047f000001982c ${ELEVEN.port}`]);
  });

  test('tells both ends of a punch where the other is', () => {
    expect(exchange(withBoth(), '03 0000000b 0000000c', ELEVEN)).toEqual([
      `04047f000001b52c ${ELEVEN.port}`,
      `04047f000001982c ${TWELVE.port}`,
    ]);
  });

  test('relays a frame unread, and counts it for the pair', () => {
    const beacon = withBoth();
    expect(exchange(beacon, '05 0000000b 0000000c 68656c6c6f', ELEVEN)).toEqual([
      `060000000b68656c6c6f ${TWELVE.port}`,
    ]);
    expect(exchange(beacon, '05 0000000b 0000000c', ELEVEN)).toEqual([`060000000b ${TWELVE.port}`]);
    expect(beacon.relayed).toEqual({ datagrams: 2, bytes: 5 });
    expect(beacon.relayCounts).toEqual([{ senderNodeId: 11, destinationNodeId: 12, datagrams: 2, bytes: 5 }]);
  });
});

test('answers a node without an id and keeps nothing of it', () => {
  const beacon = withBoth();
  expect(exchange(beacon, '01 00000000', STRANGER)).toEqual([`02047f0000011a0a ${STRANGER.port}`]);
  expect(exchange(beacon, '05 0000000b 00000000 aa', ELEVEN)).toEqual([]);
  expect(beacon.drops.get('unknown-destination')).toBe(1);
});

test('names the destination to an endpoint that asked for it', () => {
  const beacon = withBoth();
  exchange(beacon, '08 0000000c', TWELVE);
  expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN)).toEqual([`090000000b0000000caa ${TWELVE.port}`]);
});

test('keeps the order of relayed frames', () => {
  const beacon = withBoth();
  for (let index = 0; index < 200; index++) {
    const head = fromHex('050000000b0000000c');
    beacon.handleDatagram(concatBytes(head, Uint8Array.of(index)), ELEVEN, at(0));
  }
  expect(drain(beacon).map((sent) => Number.parseInt(sent.slice(10, 12), 16))).toEqual(
    Array.from({ length: 200 }, (_, index) => index),
  );
});

test('tells a node that a handshake waits for it', () => {
  const beacon = withBoth();
  beacon.notify(12);
  beacon.notify(99);
  expect(drain(beacon)).toEqual([`0a01 ${TWELVE.port}`]);
});

describe('who may move a node', () => {
  test('another port of the same host, at once', () => {
    const beacon = withBoth();
    exchange(beacon, '01 0000000c', STRANGER, 1);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN, 1)).toEqual([`060000000baa ${STRANGER.port}`]);
  });

  test('another host, once the node was quiet for 30 s; the answer comes anyhow', () => {
    const beacon = withBoth();
    const elsewhere = { host: '192.0.2.1', port: 4_000 };
    expect(exchange(beacon, '01 0000000c', elsewhere, 29)).toEqual(['0204c00002010fa0 4000']);
    expect(beacon.drops.get('moved')).toBe(1);
    exchange(beacon, '01 0000000c', elsewhere, 31);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN, 31)).toEqual(['060000000baa 4000']);
  });

  test('nobody, while the node is heard from the endpoint it signed for', () => {
    const beacon = withBoth();
    beacon.confirmEndpoint(12, TWELVE, at(0));
    exchange(beacon, '01 0000000c', STRANGER, 1);
    exchange(beacon, '03 0000000c 0000000b', STRANGER, 1);
    expect(beacon.drops.get('claimed')).toBe(2);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN, 1)).toEqual([`060000000baa ${TWELVE.port}`]);
    exchange(beacon, '01 0000000c', STRANGER, 80);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN, 80)).toEqual([`060000000baa ${STRANGER.port}`]);
  });

  test('the node itself, at once, when it has signed for another endpoint', () => {
    const beacon = withBoth();
    beacon.confirmEndpoint(12, TWELVE, at(0));
    beacon.confirmEndpoint(12, STRANGER, at(1));
    exchange(beacon, '01 0000000c', STRANGER, 1);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN, 1)).toEqual([`060000000baa ${STRANGER.port}`]);
  });

  test('the node itself, at once, from where it has signed for, though a squatter elsewhere came first and never rests', () => {
    const beacon = withBoth();
    for (let second = 0; second <= 100; second += 10) exchange(beacon, '01 0000000d', SQUATTER, second);
    beacon.confirmEndpoint(13, THIRTEEN, at(100));
    expect(exchange(beacon, '05 0000000b 0000000d aa', ELEVEN, 100)).toEqual([]);
    exchange(beacon, '01 0000000d', SQUATTER, 101);
    expect(beacon.drops.get('claimed')).toBe(1);
    exchange(beacon, '01 0000000d', THIRTEEN, 102);
    exchange(beacon, '01 0000000d', SQUATTER, 103);
    expect(exchange(beacon, '05 0000000b 0000000d aa', ELEVEN, 103)).toEqual([`060000000baa ${THIRTEEN.port}`]);
  });

  test('after a restart the node that had signed before, until it had time to ask', () => {
    const beacon = new Beacon();
    beacon.expectEndpoint(13, THIRTEEN, at(0));
    exchange(beacon, '01 0000000d', SQUATTER, 1);
    expect(exchange(beacon, '05 0000000b 0000000d aa', ELEVEN, 1)).toEqual([]);
    exchange(beacon, '01 0000000d', THIRTEEN, 60);
    expect(exchange(beacon, '05 0000000b 0000000d aa', ELEVEN, 60)).toEqual([`060000000baa ${THIRTEEN.port}`]);
  });

  test('nobody, by an endpoint that no datagram can be sent to', () => {
    const beacon = withBoth();
    beacon.confirmEndpoint(12, { host: SQUATTER.host, port: 0 }, at(0));
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN)).toEqual([`060000000baa ${TWELVE.port}`]);
  });
});

describe('bounds', () => {
  test('forgets a node after ten minutes', () => {
    const beacon = withBoth();
    exchange(beacon, '01 0000000b', ELEVEN, 700);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN, 700)).toEqual([]);
  });

  test('refuses new nodes when its table is full, and still answers them', () => {
    const beacon = withBoth(new Beacon({ nodes: 2 }));
    expect(exchange(beacon, '01 0000000d', STRANGER)).toHaveLength(1);
    expect(beacon.drops.get('table-full')).toBe(1);
  });

  test('one address that says it is thousands of nodes shuts out neither strangers elsewhere nor nodes that have signed', () => {
    const beacon = new Beacon({ nodes: 1_000, unsigned: 500, unsignedPerAddress: 100, discoversPerSecond: 10_000 });
    for (let id = 1_000; id < 3_000; id++) exchange(beacon, discoverOf(id), SQUATTER);
    expect(beacon.drops.get('address-full')).toBe(1_900);
    exchange(beacon, '01 0000000b', ELEVEN);
    for (let host = 1; host <= 8; host++)
      for (let id = 0; id < 100; id++)
        exchange(beacon, discoverOf(host * 10_000 + id), { host: `192.0.2.${host}`, port: 7 });
    expect(beacon.drops.get('table-full')).toBeGreaterThan(0);
    beacon.confirmEndpoint(12, TWELVE, at(0));
    exchange(beacon, '01 0000000c', TWELVE);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN)).toEqual([`060000000baa ${TWELVE.port}`]);
  });

  test('gives back the room of unsigned nodes that are forgotten or have signed', () => {
    const beacon = new Beacon({ unsigned: 2, unsignedPerAddress: 2 });
    withBoth(beacon);
    exchange(beacon, '01 0000000d', THIRTEEN);
    expect(beacon.drops.get('table-full')).toBe(1);
    beacon.confirmEndpoint(12, TWELVE, at(1));
    exchange(beacon, '01 0000000d', THIRTEEN, 1);
    expect(beacon.drops.get('table-full')).toBe(1);
    exchange(beacon, '01 0000000e', STRANGER, 700);
    exchange(beacon, '01 0000000f', STRANGER, 700);
    expect(beacon.drops.get('table-full')).toBe(1);
  });

  test('answers so many discovers of one endpoint in a second, and so many of one address, whatever the port', () => {
    const beacon = new Beacon({ discoversPerSecond: 5, discoversPerSecondOfAddress: 20 });
    const asked = (port: number, count: number) =>
      Array.from({ length: count }, () => exchange(beacon, '01 00000000', { host: SQUATTER.host, port })).flat().length;
    expect(asked(1, 100)).toBe(10);
    for (let port = 2; port < 100; port++) asked(port, 1);
    expect(asked(100, 1)).toBe(0);
    expect(exchange(beacon, '01 00000000', ELEVEN)).toHaveLength(1);
    expect(beacon.drops.get('discover-limit')).toBeGreaterThan(90);
  });

  test('answers a node at the endpoint it signed for, whatever others ask at its address', () => {
    const beacon = new Beacon({ discoversPerSecondOfAddress: 20 });
    beacon.confirmEndpoint(11, ELEVEN, at(0));
    for (let port = 1; port < 100; port++) exchange(beacon, '01 00000000', { host: ELEVEN.host, port });
    expect(exchange(beacon, discoverOf(12), TWELVE)).toEqual([]);
    expect(exchange(beacon, discoverOf(11), ELEVEN)).toHaveLength(1);
    expect(exchange(beacon, discoverOf(11), TWELVE)).toEqual([]); // only says so
  });

  test('limits relays and punches per source, so that one node cannot starve another', () => {
    const beacon = withBoth(new Beacon({ relaysPerSecond: 10, punchesPerSecond: 1 }));
    for (let index = 0; index < 50; index++) exchange(beacon, '05 0000000b 0000000c aa', STRANGER);
    for (let index = 0; index < 5; index++) exchange(beacon, '03 0000000d 0000000c', STRANGER);
    expect(beacon.drops.get('relay-limit')).toBe(40);
    expect(beacon.drops.get('punch-limit')).toBe(3);
    expect(exchange(beacon, '05 0000000b 0000000c aa', ELEVEN)).toHaveLength(1);
  });

  test('counts a relayed frame for no pair when it comes from elsewhere', () => {
    const beacon = withBoth();
    exchange(beacon, '05 0000000b 0000000c aa', STRANGER);
    expect(beacon.relayed.datagrams).toBe(1);
    expect(beacon.relayCounts).toEqual([]);
  });
});

test.each([
  ['', 'malformed'],
  ['01 00', 'malformed'],
  ['03 0000000b', 'malformed'],
  ['05 0000000b 0000', 'malformed'],
  ['02 04 7f000001 0001', 'unknown-type'],
  ['07 00000001 0001 0000000b', 'unknown-type'],
  ['0a 01', 'unknown-type'],
  [toHex(utf8('PILS')), 'unknown-type'],
] as const)('drops %s as %s without an answer', (hex, reason) => {
  const beacon = withBoth();
  expect(exchange(beacon, hex, STRANGER)).toEqual([]);
  expect(beacon.drops.get(reason)).toBe(1);
});
