import { describe, expect, test } from 'vitest';
import { Closing } from '../../../../node-core/stream/closing.ts';
import type { InPhase, StreamState } from '../../../../node-core/stream/connection-state.ts';

const closing = new Closing({ lingerMs: 5_000, timeWaitMs: 10_000, finTransmissions: 4, rtoMaxMs: 10_000 });
const NOW = 1_000;
const FIN = { sequence: 7, withAck: false };

const established = (closing: boolean): StreamState => ({ phase: 'established', closing });
const draining = (changes: Partial<InPhase<'draining'>> = {}): StreamState => ({
  ...{ phase: 'draining', closing: false, until: NOW + 5_000, answer: 'fin-ack' },
  ...changes,
});
const finWait = (changes: Partial<InPhase<'fin-wait'>> = {}): InPhase<'fin-wait'> => ({
  ...{ phase: 'fin-wait', attempt: 1, dueAt: NOW, acknowledged: false, peerDone: false },
  ...changes,
});

describe("the peer's FIN", () => {
  test('is answered with FIN|ACK once all is delivered, a FIN|ACK with a FIN', () => {
    expect(closing.peerFinished(established(true), FIN, NOW)).toEqual(draining({ closing: true }));
    expect(closing.peerFinished(established(false), { ...FIN, withAck: true }, NOW)).toEqual(
      draining({ answer: 'fin' }),
    );
  });

  test.each([true, false])('after ours ends the stream (with ACK: %s)', (withAck) => {
    const end = { phase: 'time-wait', until: NOW + 10_000, finAckOwed: !withAck };
    expect(closing.peerFinished(finWait(), { ...FIN, withAck }, NOW)).toEqual(end);
  });
});

describe('what is left to deliver', () => {
  test.each([
    ['an open stream', established(false), { sent: true, read: true }],
    ['a closing stream with data that is not acknowledged', established(true), { sent: false, read: true }],
    ['a draining stream whose reader is behind', draining(), { sent: true, read: false }],
    ['a draining stream with data that is not acknowledged', draining({ closing: true }), { sent: false, read: true }],
  ])('keeps %s as it is', (_what, state, left) => {
    expect(closing.delivered(state, left, NOW)).toBe(state);
  });

  test.each([
    ['a closing stream', established(true), { sent: true, read: false }, 'fin-wait'],
    ['a draining stream', draining(), { sent: true, read: true }, 'time-wait'],
    ['a draining stream that was closed here', draining({ closing: true }), { sent: true, read: false }, 'time-wait'],
    ['a draining stream that owes a FIN', draining({ answer: 'fin' }), { sent: true, read: true }, 'fin-wait'],
    ['a draining stream without progress', draining({ until: NOW }), { sent: false, read: false }, 'time-wait'],
  ])('lets %s go on', (_what, state, left, phase) => {
    expect(closing.delivered(state, left, NOW).phase).toBe(phase);
  });
});

describe('our FIN', () => {
  test('is sent again after a time that doubles, up to 10 s', () => {
    expect(closing.finSent(finWait({ attempt: 1 }), 200, NOW)).toEqual(finWait({ attempt: 2, dueAt: NOW + 400 }));
    expect(closing.finSent(finWait({ attempt: 3 }), 5_000, NOW)).toEqual(finWait({ attempt: 4, dueAt: NOW + 10_000 }));
  });

  test('counts as delivered after four transmissions', () => {
    expect(closing.finTimedOut(finWait({ attempt: 3 }), NOW).phase).toBe('fin-wait');
    expect(closing.finTimedOut(finWait({ attempt: 4, dueAt: NOW + 1 }), NOW).phase).toBe('fin-wait');
    expect(closing.finTimedOut(finWait({ attempt: 4 }), NOW).phase).toBe('time-wait');
  });

  test("acknowledged, waits for the peer's as long as its data comes", () => {
    const waiting = closing.finAcknowledged(finWait(), NOW);
    expect(waiting).toEqual(finWait({ acknowledged: true, dueAt: NOW + 10_000 }));
    expect(closing.receivingProgressed(waiting, NOW + 9_000)).toMatchObject({ dueAt: NOW + 19_000 });
    expect(closing.finAcknowledged(finWait({ peerDone: true }), NOW).phase).toBe('time-wait');
  });
});
