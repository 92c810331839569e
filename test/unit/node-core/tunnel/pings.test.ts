import { expect, test } from 'vitest';
import { RELAY } from '../../../../node-core/tunnel/path.ts';
import { Pings } from '../../../../node-core/tunnel/pings.ts';
import { FLAG, PROTOCOL } from '../../../../node-core/wire/packet.ts';
import { seededBytes, seededRandom } from '../../../support/seeded-random.ts';

function at(ms: number) {
  return { monotonicMs: ms, unixNano: BigInt(ms) };
}

function answer(sent: { sourcePort: number; sequence: number; payload: Uint8Array }) {
  return {
    flags: FLAG.ack,
    protocol: PROTOCOL.control,
    source: { network: 0, node: 9 },
    destination: { network: 0, node: 7 },
    sourcePort: 0,
    destinationPort: sent.sourcePort,
    sequence: sent.sequence,
    acknowledgement: (sent.sequence + 1) >>> 0,
    window: 0,
    payload: sent.payload,
  };
}

function start(pings: Pings, ms: number, kind: 'path' | 'probe' = 'path') {
  return pings.start({ purpose: { kind }, route: RELAY, timeoutMs: 2_000 }, at(ms));
}

test('loss is the share of the last 20 path pings, round trip a smoothed mean', () => {
  const pings = new Pings(seededBytes(seededRandom(1)));
  expect([pings.rttMs, pings.lossRatio]).toEqual([undefined, undefined]);
  for (let n = 0; n < 30; n++) {
    const sent = start(pings, n * 5_000);
    if (n % 4 !== 0) pings.match(answer(sent), at(n * 5_000 + 40));
    else pings.expire(n * 5_000 + 2_000);
  }
  expect(pings.lossRatio).toBe(5 / 20);
  expect(pings.rttMs).toBe(40);
  pings.match(answer(start(pings, 200_000)), at(200_120));
  expect(pings.rttMs).toBe(50);
});

test('probes measure nothing', () => {
  const pings = new Pings(seededBytes(seededRandom(1)));
  pings.match(answer(start(pings, 0, 'probe')), at(10));
  start(pings, 0, 'probe');
  pings.expire(5_000);
  expect([pings.rttMs, pings.lossRatio]).toEqual([undefined, undefined]);
});

test('an answer counts once, and not after its time', () => {
  const pings = new Pings(seededBytes(seededRandom(1)));
  const sent = start(pings, 0);
  expect(pings.nextDeadline()).toBe(2_000);
  expect(pings.match(answer(sent), at(30))?.rttMs).toBe(30);
  expect(pings.match(answer(sent), at(31))).toBeUndefined();
  const late = start(pings, 100);
  expect(pings.expire(2_100)).toHaveLength(1);
  expect(pings.match(answer(late), at(2_101))).toBeUndefined();
  expect(pings.nextDeadline()).toBeUndefined();
});

test('a ping has a source port, a payload and a sequence of its own', () => {
  const pings = new Pings(seededBytes(seededRandom(1)));
  const all = Array.from({ length: 20 }, () => start(pings, 0));
  expect(all.every(({ sourcePort, payload }) => sourcePort > 0 && payload.length > 0)).toBe(true);
  expect(new Set(all.map(({ sequence }) => sequence)).size).toBe(20);
});
