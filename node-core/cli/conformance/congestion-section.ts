import { z } from 'zod';
import type { Millis } from '../../base/clock.ts';
import { CongestionWindow } from '../../stream/congestion.ts';
import { Sender } from '../../stream/sender.ts';
import { STREAM_DEFAULTS, type StreamConfig } from '../../stream/stream-config.ts';
import { type Section, section, uint } from './section.ts';
import { RECORDED_CONFIG } from './stream-bench.ts';
import { blocks } from './stream-codec-sections.ts';
import type { Fields } from './vector-file.ts';

const operation = z.discriminatedUnion('op', [
  z.object({ op: z.literal('start'), cong_win: uint, ssthresh: uint, peer_recv_win: uint, seq: uint }),
  z.object({ op: z.literal('send_mss'), segments: uint }),
  z.object({ op: z.literal('send'), len: uint }),
  z.object({ op: z.literal('ack'), ack: uint }),
  z.object({ op: z.literal('ack_data'), ack: uint }),
  z.object({ op: z.literal('sack'), blocks }),
  z.object({ op: z.literal('peer_window'), segments: uint }),
  z.object({ op: z.literal('timeout') }),
  z.object({ op: z.literal('timeout_keep_rto') }),
]);
type Operation = z.infer<typeof operation>;

/** What the recorded start calls 0, "no window seen yet", is a peer that has room for more than can be sent. */
const AMPLE_WINDOW = 65_535;
/** Longer than any retransmission timeout. */
const TIMEOUT_MS = 60_000;

export const congestionSections: Readonly<Record<string, Section>> = {
  congestion: section(
    z.object({ mss: uint, ops: z.array(operation) }),
    ({ mss, ops }) => {
      const [start, ...rest] = ops;
      if (start === undefined) return { steps: [] };
      if (start.op !== 'start') throw new Error('the first operation is not `start`');
      const bench = new SenderBench(mss, start);
      return { steps: [bench.state([]), ...rest.map((each) => bench.state(bench.run(each)))] };
    },
    (out) => ({ steps: (out.steps as readonly Fields[]).map(comparableStep) }),
  ),
};

/** The timeout in force is compared in `rto`; a recovery point means something only during a recovery. */
function comparableStep({ rto_ns: _rto, recovery_point, ...step }: Fields): Fields {
  return step.in_recovery === true ? { ...step, recovery_point } : step;
}

class SenderBench {
  readonly #config: StreamConfig;
  readonly #sender: Sender;
  #nowMs: Millis = 0;

  constructor(mss: number, start: Extract<Operation, { op: 'start' }>) {
    this.#config = { ...STREAM_DEFAULTS, ...RECORDED_CONFIG, segmentBytes: mss };
    const congestion = new CongestionWindow(this.#config, { window: start.cong_win, threshold: start.ssthresh });
    this.#sender = new Sender(this.#config, start.seq, congestion);
    this.#sender.setPeerWindow(start.peer_recv_win === 0 ? AMPLE_WINDOW : start.peer_recv_win / mss, 0);
  }

  /** Returns what is sent again, as `sequence+length`. */
  run(operation: Operation): string[] {
    const sender = this.#sender;
    switch (operation.op) {
      case 'send':
        sender.write(new Uint8Array(operation.len), this.#nowMs);
        break;
      case 'send_mss':
        sender.write(new Uint8Array(operation.segments * this.#config.segmentBytes), this.#nowMs);
        break;
      case 'ack':
      case 'ack_data':
        this.#acknowledge(operation.ack, undefined, operation.op === 'ack');
        break;
      case 'sack':
        this.#acknowledge(
          sender.buffer.unacknowledged,
          operation.blocks.map(([left, right]) => ({ left, right })),
          true,
        );
        break;
      case 'peer_window':
        sender.setPeerWindow(operation.segments, this.#nowMs);
        break;
      case 'timeout':
      case 'timeout_keep_rto':
        this.#nowMs += TIMEOUT_MS;
        sender.handleTimeout(this.#nowMs);
        break;
      case 'start':
        throw new Error('a second `start`');
      default:
        throw operation satisfies never;
    }
    return this.#poll();
  }

  state(retransmitted: readonly string[]): unknown {
    const { buffer, congestion, duplicates, recovery, peerWindow, windowAvailable } = this.#sender;
    return {
      bytes_in_flight: buffer.inFlightBytes,
      unacked_segments: buffer.inFlight.length,
      last_ack: buffer.unacknowledged,
      sacked_seqs: buffer.inFlight.flatMap(({ fate, sequence }) => (fate === 'sacked' ? [sequence] : [])),
      cong_win: congestion.window,
      ssthresh: congestion.slowStartThreshold,
      effective_window: Math.min(congestion.window, peerWindow * this.#config.segmentBytes),
      window_available: windowAvailable,
      dup_acks: duplicates,
      in_recovery: recovery !== undefined,
      recovery_point: recovery?.point,
      retransmitted_seqs: retransmitted,
      state: 'ESTABLISHED',
    };
  }

  #acknowledge(
    acknowledgement: number,
    sackBlocks: { left: number; right: number }[] | undefined,
    bare: boolean,
  ): void {
    const window = this.#sender.peerWindow;
    this.#sender.handleAcknowledgement({ acknowledgement, window, blocks: sackBlocks, bare }, this.#nowMs);
  }

  #poll(): string[] {
    const again: string[] = [];
    for (
      let sent = this.#sender.pollSegment(this.#nowMs, true);
      sent;
      sent = this.#sender.pollSegment(this.#nowMs, true)
    ) {
      if (sent.transmissions > 1) again.push(`${sent.sequence}+${sent.payload.length}`);
    }
    return again;
  }
}
