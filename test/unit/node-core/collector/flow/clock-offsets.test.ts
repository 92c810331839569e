import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClockOffsets, type HandshakeTimes } from '../../../../../node-core/collector/flow/clock-offsets.ts';

const NOON = 1_793_620_800_000; // Unix milliseconds
const nano = (ms: number): bigint => BigInt(NOON) * 1_000_000n + BigInt(Math.round((ms - NOON) * 1e6));

const keyOf = (id: number): string => id.toString(16).padStart(64, '0');
const owner = (id: number) => ({ publicKey: keyOf(id), nodeId: id });

/** A handshake at true time `at`; each node's clock is ahead by `ahead`, the flight takes `out` and `back`. */
function handshake(
  dialler: { id: number; ahead: number },
  acceptor: { id: number; ahead: number },
  options: { at?: number; out?: number; back?: number; serve?: number } = {},
): HandshakeTimes {
  const { at = NOON, out = 4, back = 4, serve = 0.1 } = options;
  return {
    dialler: owner(dialler.id),
    acceptor: owner(acceptor.id),
    diallerEpochs: [0, 0],
    acceptorEpochs: [0, 0],
    t1: nano(at + dialler.ahead),
    t2: nano(at + out + acceptor.ahead),
    t3: nano(at + out + serve + acceptor.ahead),
    t4: nano(at + out + serve + back + dialler.ahead),
    at,
  };
}

const operator = { id: 1, ahead: 0 };
const fast = { id: 7, ahead: 3_000 };

describe('one handshake', () => {
  test('shows an agent whose clock is 3 s ahead, within half the round trip', () => {
    const offsets = new ClockOffsets();
    expect(offsets.addHandshake(handshake(operator, fast, { out: 6, back: 2 }))).toBe(true);
    const estimate = offsets.estimates(keyOf(1), NOON).get(keyOf(7));
    expect(estimate?.offsetMs).toBeCloseTo(3_002, 5);
    expect(estimate?.boundMs).toBeCloseTo(4, 5);
    expect(estimate?.at).toBe(NOON);
  });

  test.each([
    { who: 'the dialler', dialler: operator, acceptor: fast },
    { who: 'the acceptor', dialler: fast, acceptor: operator },
  ])('says the same when the operator is $who', ({ dialler, acceptor }) => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(dialler, acceptor));
    expect(offsets.estimates(keyOf(1), NOON).get(keyOf(7))?.offsetMs).toBeCloseTo(3_000, 5);
  });

  test('leaves a node without evidence unknown', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake({ id: 5, ahead: 0 }, { id: 6, ahead: 0 }));
    const known = offsets.estimates(keyOf(1), NOON);
    expect([...known.keys()]).toEqual([keyOf(1)]);
    expect(known.get(keyOf(1))).toMatchObject({ offsetMs: 0, boundMs: 0 });
  });
});

describe('what says nothing is dropped and counted', () => {
  const good = handshake(operator, fast);
  test.each([
    ['empty-interval', { ...good, t4: good.t1 + 1n }],
    ['empty-interval', { ...good, t4: good.t1 - 1n }],
    ['empty-interval', { ...good, t3: good.t2 - 1n }],
    ['clock-stepped', { ...good, diallerEpochs: [0, 1] as const }],
    ['clock-stepped', { ...good, acceptorEpochs: [2, 3] as const }],
    ['same-node', { ...good, acceptor: owner(1) }],
  ] as const)('%s', (reason, times) => {
    const offsets = new ClockOffsets();
    expect(offsets.addHandshake(times)).toBe(false);
    expect(offsets.dropped[reason]).toBe(1);
    expect(offsets.estimates(keyOf(1), NOON).has(keyOf(7))).toBe(false);
  });

  test('evidence from before a clock step, when it comes late', () => {
    const offsets = new ClockOffsets();
    offsets.noteEpoch(owner(7), 1, NOON);
    expect(offsets.addHandshake(handshake(operator, fast))).toBe(false);
    expect(offsets.dropped['stale-epoch']).toBe(1);
  });
});

describe('over time', () => {
  test('keeps the tightest of several handshakes', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, fast, { out: 40, back: 10 }));
    offsets.addHandshake(handshake(operator, fast, { out: 2, back: 1, at: NOON + 10 }));
    offsets.addHandshake(handshake(operator, fast, { out: 80, back: 80, at: NOON + 20 }));
    expect(offsets.estimates(keyOf(1), NOON + 20).get(keyOf(7))?.boundMs).toBeLessThan(1.6);
  });

  test('widens by 100 ppm on each side', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, fast));
    expect(offsets.estimates(keyOf(1), NOON + 600_000).get(keyOf(7))?.boundMs).toBeCloseTo(4 + 60, 5);
  });

  test('starts afresh when a node reports a clock step, and again when it restarts', () => {
    const offsets = new ClockOffsets();
    offsets.noteEpoch(owner(7), 0, NOON, 1n);
    offsets.addHandshake(handshake(operator, fast));
    offsets.noteEpoch(owner(7), 1, NOON + 1, 1n);
    expect(offsets.estimates(keyOf(1), NOON + 1).has(keyOf(7))).toBe(false);
    const stepped = { ...handshake(operator, { id: 7, ahead: -50 }), acceptorEpochs: [1, 1] as const };
    expect(offsets.addHandshake(stepped)).toBe(true);
    expect(offsets.estimates(keyOf(1), NOON + 1).get(keyOf(7))?.offsetMs).toBeCloseTo(-50, 5);
    offsets.noteEpoch(owner(7), 0, NOON + 2, 99n);
    expect(offsets.estimates(keyOf(1), NOON + 2).has(keyOf(7))).toBe(false);
    expect(offsets.addHandshake(handshake(operator, fast, { at: NOON + 3 }))).toBe(true);
  });

  test('takes a lower count for a restart when nothing higher came for a minute', () => {
    const offsets = new ClockOffsets();
    offsets.noteEpoch(owner(7), 4, NOON);
    expect(offsets.addHandshake(handshake(operator, fast, { at: NOON + 60_001 }))).toBe(true);
  });

  test('believes the newest evidence when a clock moved and nobody said so', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, fast));
    offsets.addHandshake(handshake(operator, { id: 7, ahead: 10_000 }, { at: NOON + 1_000 }));
    expect(offsets.contradictions).toBe(1);
    expect(offsets.estimates(keyOf(1), NOON + 1_000).get(keyOf(7))?.offsetMs).toBeCloseTo(10_000, 5);
  });
});

describe('over the graph of nodes', () => {
  test('reaches a node through others, and adds the widths of the way', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, { id: 2, ahead: 50 }, { out: 1, back: 1 }));
    offsets.addHandshake(handshake(fast, { id: 2, ahead: 50 }, { out: 3, back: 1 }));
    const estimate = offsets.estimates(keyOf(1), NOON).get(keyOf(7));
    expect(estimate?.boundMs).toBeCloseTo(1 + 2, 5);
    expect(Math.abs((estimate?.offsetMs ?? 0) - 3_000)).toBeLessThanOrEqual(3);
  });

  test('names those on whose word it rests, and nobody where it was measured here', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, { id: 2, ahead: 50 }));
    offsets.addHandshake(handshake({ id: 2, ahead: 50 }, fast));
    const known = offsets.estimates(keyOf(1), NOON);
    expect(known.get(keyOf(7))?.through).toEqual([2]);
    expect(known.get(keyOf(2))?.through).toBeUndefined();
    offsets.addHandshake(handshake(operator, fast));
    expect(offsets.estimates(keyOf(1), NOON).get(keyOf(7))?.through).toBeUndefined();
  });

  test('a liar shifts nobody that was measured here, however tight its lie', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, fast, { out: 40, back: 40 }));
    offsets.addHandshake(handshake(operator, { id: 2, ahead: 0 }, { out: 1, back: 1 }));
    offsets.addHandshake(handshake({ id: 2, ahead: 30 }, fast, { out: 0.1, back: 0.1 })); // within what is known of 7
    expect(offsets.estimates(keyOf(1), NOON).get(keyOf(7))).toMatchObject({ offsetMs: 3_000, boundMs: 40 });
  });

  test('does not reach further than through one other: of more nobody could say on whose word it rests', () => {
    const offsets = new ClockOffsets();
    for (const id of [1, 2, 3]) offsets.addHandshake(handshake({ id, ahead: 0 }, { id: id + 1, ahead: 0 }));
    expect([...offsets.estimates(keyOf(1), NOON).keys()]).toEqual([1, 2, 3].map(keyOf));
  });

  test('holds 10,000 pairs of one node to its share, and its clock steps cost what it has', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, { id: 2, ahead: 0 }));
    for (let id = 10; id < 10_010; id++) offsets.addHandshake(handshake({ id: 3, ahead: 0 }, { id, ahead: 0 }));
    expect(offsets.pairs).toBe(4_001);
    for (let epoch = 1; epoch < 10_000; epoch++) offsets.noteEpoch(owner(3), epoch, NOON);
    expect(offsets.pairs).toBe(1);
    expect(offsets.estimates(keyOf(1), NOON).has(keyOf(2))).toBe(true);
  });

  test('lets evidence of others never contradict what was measured here', () => {
    const offsets = new ClockOffsets();
    offsets.addHandshake(handshake(operator, fast));
    offsets.addHandshake(handshake(operator, { id: 2, ahead: 0 }));
    offsets.addHandshake(handshake({ id: 2, ahead: 0 }, { id: 7, ahead: 90_000 })); // 2 or 7 lies
    expect(offsets.estimates(keyOf(1), NOON).get(keyOf(7))?.offsetMs).toBeCloseTo(3_000, 5);
  });

  test('always contains the true offsets, whatever the delays', () => {
    const flight = fc.double({ min: 0, max: 400, noNaN: true });
    const exchange = fc.record({
      from: fc.integer({ min: 1, max: 6 }),
      to: fc.integer({ min: 1, max: 6 }),
      out: flight,
      back: flight,
      later: fc.integer({ min: 0, max: 100_000 }),
    });
    const clocks = fc.array(fc.integer({ min: -100_000, max: 100_000 }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(clocks, fc.array(exchange, { maxLength: 40 }), (ahead, exchanges) => {
        const offsets = new ClockOffsets();
        const node = (id: number) => ({ id, ahead: ahead[id] ?? 0 });
        for (const { from, to, out, back, later } of exchanges) {
          offsets.addHandshake(handshake(node(from), node(to), { out, back, at: NOON + later }));
        }
        for (const [key, { offsetMs, boundMs }] of offsets.estimates(keyOf(1), NOON + 100_000)) {
          const truth = node(Number.parseInt(key, 16)).ahead - node(1).ahead;
          expect(Math.abs(offsetMs - truth)).toBeLessThanOrEqual(boundMs + 0.001);
        }
      }),
    );
  });
});
