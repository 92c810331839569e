import { describe, expect, test } from 'vitest';
import type { InPhase } from '../../../../node-core/stream/connection-state.ts';
import { Opening } from '../../../../node-core/stream/opening.ts';
import { FLAG, type Packet, PROTOCOL } from '../../../../node-core/wire/packet.ts';

const LIMITS = { synScheduleMs: [0, 250], dialTimeoutMs: 1_000, synAckScheduleMs: [1_000], halfOpenMs: 3_000 };
const at = (monotonicMs: number) => ({ monotonicMs, unixNano: BigInt(monotonicMs) * 1_000_000n });
const answer = (sequence: number, acknowledgement: number): Packet => ({
  flags: FLAG.syn | FLAG.ack,
  protocol: PROTOCOL.stream,
  source: { network: 0, node: 2 },
  destination: { network: 0, node: 1 },
  sourcePort: 7,
  destinationPort: 50_000,
  sequence,
  acknowledgement,
  window: 512,
  payload: new Uint8Array(0),
});
const begun = (opening: Opening) => opening.begun(0) as InPhase<'syn-sent' | 'syn-received'>;

describe('the opening of a dialler', () => {
  test('sends its SYN at the times of the schedule, then no more until the dial is given up', () => {
    const opening = new Opening('dialler', 10, LIMITS, at(0));
    const first = opening.synDue(begun(opening) as InPhase<'syn-sent'>, at(0)) as InPhase<'syn-sent'>;
    expect(opening.synDue(first, at(249))).toBeUndefined();
    const second = opening.synDue(first, at(250)) as InPhase<'syn-sent'>;
    expect([first.attempt, second.attempt, opening.dueAt(second)]).toEqual([1, 2, 1_000]);
    expect(opening.synDue(second, at(999))).toBeUndefined();
    expect([opening.timedOut(second, 999), opening.timedOut(second, 1_000)]).toEqual([second, 'timeout']);
  });

  test('takes an answer to its SYN, once more the same one, and no other', () => {
    const opening = new Opening('dialler', 0xffff_ffff, LIMITS, at(0));
    expect(opening.answered(answer(77, 1), undefined, at(5))).toBe('foreign');
    expect(opening.answered(answer(77, 0), undefined, at(6))).toBe('first');
    expect(opening.answered(answer(77, 0), 77, at(7))).toBe('repeated');
    expect(opening.answered(answer(78, 0), 77, at(8))).toBe('foreign');
    expect(opening.handshake(77)).toEqual({
      diallerSequence: 0xffff_ffff,
      acceptorSequence: 77,
      synAckReceived: at(6),
    });
  });
});

describe('the opening of an acceptor', () => {
  test('repeats a SYN|ACK that nothing confirms, and gives up in the end', () => {
    const opening = new Opening('acceptor', 10, LIMITS, at(0));
    opening.synAckSent(at(0));
    const waiting = begun(opening);
    expect([opening.timedOut(waiting, 999), opening.owesSynAck]).toEqual([waiting, false]);
    const repeating = opening.timedOut(waiting, 1_000) as InPhase<'syn-received'>;
    expect([repeating.attempt, opening.owesSynAck, opening.dueAt(repeating)]).toEqual([1, true, 3_000]);
    expect(opening.timedOut(repeating, 3_000)).toBe('silence');
  });

  test('keeps the times of the first SYN|ACK', () => {
    const opening = new Opening('acceptor', 10, LIMITS, at(0));
    for (const ms of [1, 2]) {
      opening.oweSynAck();
      opening.synAckSent(at(ms));
    }
    expect(opening.handshake(5)).toEqual({
      diallerSequence: 5,
      acceptorSequence: 10,
      synReceived: at(0),
      synAckSent: at(1),
    });
  });
});
