import { describe, expect, test } from 'vitest';
import { Sender } from '../../../../node-core/stream/sender.ts';
import { STREAM_DEFAULTS } from '../../../../node-core/stream/stream-config.ts';
import type { SackBlock } from '../../../../node-core/wire/sack.ts';

const SEGMENT = 1_024;
const config = {
  ...STREAM_DEFAULTS,
  segmentBytes: SEGMENT,
  initialCongestionWindow: 10 * SEGMENT,
  maxCongestionWindow: 1_048_576,
};

/** A sender whose first byte has sequence 1 and which has sent `segments` full segments. */
function inFlight(segments: number): Sender {
  const sender = new Sender(config, 1);
  sender.setPeerWindow(512, 0);
  sender.write(new Uint8Array(segments * SEGMENT), 0);
  for (let count = 0; count < segments; count++) sender.pollSegment(0, true);
  return sender;
}

function ack(sender: Sender, acknowledgement: number, blocks?: SackBlock[], nowMs = 50): string {
  return sender.handleAcknowledgement({ acknowledgement, window: 512, blocks, bare: true }, nowMs);
}

const at = (segment: number) => 1 + segment * SEGMENT;
const block = (from: number, to: number): SackBlock => ({ left: at(from), right: at(to) });

function repairs(sender: Sender, nowMs = 50): number[] {
  const sent: number[] = [];
  for (
    let segment = sender.pollSegment(nowMs, true);
    segment !== undefined;
    segment = sender.pollSegment(nowMs, true)
  ) {
    if (segment.transmissions > 1) sent.push((segment.sequence - 1) / SEGMENT);
  }
  return sent;
}

describe('Sender', () => {
  test('the third bare duplicate retransmits the first segment and halves the window; others inflate it', () => {
    const sender = inFlight(8);
    ack(sender, 1);
    ack(sender, 1);
    expect(repairs(sender)).toEqual([]);
    ack(sender, 1);
    expect([repairs(sender), sender.congestion.window, sender.congestion.slowStartThreshold]).toEqual([
      [0],
      8_192,
      5_120,
    ]);
    ack(sender, 1);
    expect([repairs(sender), sender.congestion.window]).toEqual([[], 9_216]);
  });

  test('a changed window or user data makes no duplicate', () => {
    const sender = inFlight(8);
    for (const window of [500, 499, 498, 497]) {
      sender.handleAcknowledgement({ acknowledgement: 1, window, blocks: undefined, bare: true }, 50);
      sender.handleAcknowledgement({ acknowledgement: 1, window, blocks: undefined, bare: false }, 50);
    }
    expect(sender.duplicates).toBe(0);
  });

  test('three acknowledgements with the same block retransmit the hole', () => {
    const sender = inFlight(8);
    for (let repeat = 0; repeat < 3; repeat++) ack(sender, 1, [block(1, 2)]);
    expect(repairs(sender)).toEqual([0]);
  });

  test('segments three transmissions behind a received one are repaired, as acknowledgements come in', () => {
    const sender = inFlight(10);
    ack(sender, 1, [block(4, 5)]);
    expect(repairs(sender)).toEqual([0]);
    expect(sender.recovery).toEqual({ cause: 'loss', point: at(10) });
    expect(sender.congestion.window).toBe(5_120);
    ack(sender, 1, [block(4, 6)]);
    expect(repairs(sender)).toEqual([1]);
    ack(sender, 1, [block(4, 7)]);
    expect(repairs(sender)).toEqual([2]);
    expect(sender.congestion.window).toBe(5_120); // once per flight
  });

  test('a lost retransmission is found by what was sent after it', () => {
    const sender = inFlight(10);
    ack(sender, 1, [block(1, 5)]);
    expect(repairs(sender)).toEqual([0]);
    sender.write(new Uint8Array(20 * SEGMENT), 60);
    for (let round = 0; round < 12; round++) {
      ack(sender, 1, [block(1, 6 + round)], 100 + round);
      const sent = repairs(sender, 100 + round);
      if (sent.length > 0) return expect(sent).toEqual([0]);
    }
    throw new Error('the retransmission was not repeated');
  });

  test('an empty acknowledgement without blocks clears the marks, one with blocks or data does not', () => {
    const sender = inFlight(5);
    ack(sender, 1, [block(3, 5)]);
    sender.handleAcknowledgement({ acknowledgement: at(1), window: 512, blocks: undefined, bare: false }, 50);
    expect(sender.buffer.inFlight.map((segment) => segment.fate === 'sacked')).toEqual([false, false, true, true]);
    ack(sender, at(2));
    expect(sender.buffer.inFlight.some((segment) => segment.fate === 'sacked')).toBe(false);
  });

  test('the timer repeats the first segment that is not selectively acknowledged, doubling each time', () => {
    const sender = inFlight(4);
    ack(sender, 1, [block(0, 1)], 0);
    const timeout = sender.rtt.timeoutMs;
    expect(sender.nextTimeout()).toBe(timeout);
    sender.handleTimeout(timeout);
    expect([repairs(sender, timeout), sender.recovery?.cause, sender.congestion.window]).toEqual([
      [1],
      'timeout',
      10_240,
    ]);
    expect(sender.rtt.timeoutMs).toBe(2 * timeout);
    sender.handleTimeout(3 * timeout);
    expect(repairs(sender, 3 * timeout)).toEqual([1]);
    expect(sender.congestion.slowStartThreshold).toBe(5_120); // halved once for the episode
  });

  test('gives up after eight transmissions by the timer', () => {
    const sender = inFlight(1);
    let transmissions = 1;
    for (let nowMs = sender.nextTimeout(); nowMs !== undefined; nowMs = sender.nextTimeout()) {
      if (sender.handleTimeout(nowMs) === 'gave-up') break;
      transmissions += repairs(sender, nowMs).length;
    }
    expect(transmissions).toBe(8);
  });

  test('a peer that selectively acknowledged all and then acknowledges nothing is sent all again', () => {
    const sender = inFlight(3);
    ack(sender, 1, [block(0, 3)], 0);
    for (let check = 0; check < 2; check++) {
      const nowMs = sender.nextTimeout() ?? 0;
      sender.handleTimeout(nowMs);
      expect(repairs(sender, nowMs)).toEqual([]);
    }
    const nowMs = sender.nextTimeout() ?? 0;
    sender.handleTimeout(nowMs);
    expect(repairs(sender, nowMs)).toEqual([0]);
  });

  test('ignores acknowledgements of the past and of the future', () => {
    const sender = inFlight(3);
    expect([ack(sender, at(2)), ack(sender, at(1)), ack(sender, at(4))]).toEqual(['used', 'old', 'invalid']);
    expect(sender.buffer.unacknowledged).toBe(at(2));
  });

  test('a closed window stops everything but probes; what was in flight goes again when it opens', () => {
    const sender = inFlight(3);
    sender.handleAcknowledgement({ acknowledgement: at(1), window: 0, blocks: undefined, bare: true }, 50);
    expect(sender.nextTimeout()).toBe(550);
    expect([sender.handleTimeout(550), repairs(sender, 550), sender.nextTimeout()]).toEqual(['probe', [], 1_550]);
    sender.handleAcknowledgement({ acknowledgement: at(1), window: 8, blocks: undefined, bare: true }, 600);
    expect(repairs(sender, 600)).toEqual([1]);
    ack(sender, at(2), undefined, 650);
    expect(repairs(sender, 650)).toEqual([2]);
  });

  test('names no deadline of the past for a small write that waits behind repairs', () => {
    const sender = inFlight(10);
    ack(sender, 1, [block(4, 5)]);
    repairs(sender);
    ack(sender, 1, [block(4, 9)]);
    repairs(sender);
    sender.write(new Uint8Array(10), 60);
    ack(sender, at(1), [block(4, 9)], 70);
    while (sender.pollSegment(200, false) !== undefined);
    expect(sender.nextTimeout()).toBeGreaterThan(200);
  });

  test('only a segment that was sent once gives a sample', () => {
    const sender = inFlight(1);
    sender.handleTimeout(1_000);
    repairs(sender, 1_000);
    ack(sender, at(1), undefined, 1_030);
    expect([sender.rtt.smoothedNs, sender.rtt.timeoutMs]).toEqual([0, 2_000]);
  });
});
