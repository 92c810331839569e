import { z } from 'zod';
import { nativePrimitives } from '../../crypto/native-primitives.ts';
import { ReceiveBuffer } from '../../stream/receive-buffer.ts';
import { RttEstimator } from '../../stream/rtt-estimator.ts';
import { SendBuffer } from '../../stream/send-buffer.ts';
import { STREAM_DEFAULTS } from '../../stream/stream-config.ts';
import { FLAG, type Packet, PROTOCOL } from '../../wire/packet.ts';
import { encodeSack, MAX_SACK_BLOCKS } from '../../wire/sack.ts';
import { type Section, section, uint } from './section.ts';
import { RECORDED_CONFIG, StreamBench } from './stream-bench.ts';
import { blocks } from './stream-codec-sections.ts';
import { NODE_7, NODE_9, packetOf, packetRecord, recordOf } from './stream-packet.ts';

const extent = z.object({ seq: uint, len: uint });
const arrivals = z.object({ expected_seq: uint, segments: z.array(extent) });
const outstanding = z.object({ blocks, unacked: z.array(extent) });
const writing = z.object({
  byte_rule: z.string().regex(/\(k\*7\)&0xff/),
  mss: uint,
  no_delay: z.boolean(),
  pause_ms_between_writes: uint,
  writes: z.array(uint),
});
const limited = z.object({ mss: uint, observe_ms: uint, peer_window_segments: uint, write_len: uint });
const repeating = z.object({
  acks_from_peer: z.array(packetRecord),
  first_seq: z.literal(1),
  mss: uint,
  segments_in_flight: uint,
});

/** The sections of `stream.json` that are about what a stream does, one half or one rule at a time. */
export const streamSections: Readonly<Record<string, Section>> = {
  constants: section(z.object({}), constants),
  receiver_reassembly: section(arrivals, reassemble),
  sender_sack: section(outstanding, markSacked),
  rto: section(z.object({ rtt_samples_ns: z.array(z.string()) }), ({ rtt_samples_ns }) => {
    const estimator = new RttEstimator(STREAM_DEFAULTS);
    const steps = rtt_samples_ns.map((sample) => {
      estimator.addSampleNs(Number(sample));
      const { smoothedNs, variationNs, timeoutNs } = estimator;
      return { srtt_ns: String(smoothedNs), rttvar_ns: String(variationNs), rto_ns: String(timeoutNs) };
    });
    return { steps };
  }),
  segmentation: section(writing, segment),
  window_limit: section(limited, fillWindow),
  duplicate_acks: section(repeating, repeatAcknowledgements),
};

function constants(): unknown {
  const config = STREAM_DEFAULTS;
  const nanos = (ms: number | undefined) => String((ms ?? Number.NaN) * 1_000_000);
  const straight = config.synScheduleMs.findIndex((at, index, all) => index > 1 && at - (all[index - 1] ?? 0) >= 1_000);
  return {
    accept_queue_len: config.backlog,
    clock_granularity_ns: nanos(config.rtoGranularityMs),
    default_max_conns_per_port: config.streamsPerPort,
    default_syn_rate_limit: config.synPerSecond,
    default_time_wait_ns: nanos(config.timeWaitMs),
    delayed_ack_threshold: config.delayedAckSegments,
    delayed_ack_timeout_ns: nanos(config.delayedAckMs),
    dial_direct_retries: straight,
    dial_initial_rto_ns: nanos(config.synScheduleMs[1]),
    dial_max_retries: config.synScheduleMs.length - 1,
    dial_max_rto_ns: nanos(config.dialTimeoutMs - (config.synScheduleMs.at(-1) ?? 0)),
    initial_cong_win: config.initialCongestionWindow,
    initial_rto_ns: nanos(config.rtoInitialMs),
    initial_ssthresh: config.initialSlowStartThreshold,
    max_cong_win: config.maxCongestionWindow,
    max_ooo_segments: config.outOfOrderSegments,
    max_recv_win: config.receiveSegments * config.segmentBytes,
    max_retx_attempts: config.transmissions,
    max_segment_size: config.segmentBytes,
    nagle_timeout_ns: nanos(config.nagleMs),
    recv_buf_segments: config.receiveSegments,
    rto_max_ns: nanos(config.rtoMaxMs),
    rto_min_ns: nanos(config.rtoMinMs),
    zero_window_probe_initial_ns: nanos(config.probeInitialMs),
    zero_window_probe_max_ns: nanos(config.probeMaxMs),
  };
}

function reassemble(input: z.infer<typeof arrivals>): unknown {
  const buffer = new ReceiveBuffer({ ...STREAM_DEFAULTS, ...RECORDED_CONFIG }, input.expected_seq);
  const steps = input.segments.map(({ seq, len }) => {
    buffer.accept(seq, new Uint8Array(len));
    const delivered: number[] = [];
    for (let part = buffer.read(); part !== undefined; part = buffer.read()) delivered.push(part.length);
    const reported = buffer.sackBlocks().slice(0, MAX_SACK_BLOCKS);
    return {
      cumulative_ack: buffer.expected,
      delivered_lens: delivered,
      out_of_order_segments: buffer.earlySegments,
      sack_blocks: reported.map(({ left, right }) => [left, right]),
      ack_payload: encodeSack(reported),
    };
  });
  return { steps };
}

function markSacked(input: z.infer<typeof outstanding>): unknown {
  const buffer = new SendBuffer({ ...STREAM_DEFAULTS, nagle: false }, input.unacked[0]?.seq ?? 0);
  for (const [index, { seq, len }] of input.unacked.entries()) {
    buffer.write(new Uint8Array(len), 0);
    if (buffer.takeNew(index + 1, 0, true)?.sequence !== seq) throw new Error('segments that do not follow each other');
  }
  buffer.markSacked(input.blocks.map(([left, right]) => ({ left, right })));
  return { sacked: buffer.inFlight.map(({ fate }) => fate === 'sacked') };
}

/** A bench whose dial node 9 has answered; `send` gets what follows the opening. */
function connected(
  config: ConstructorParameters<typeof StreamBench>[0],
  peerWindow: number,
  send: (packet: Packet) => void,
): StreamBench {
  let open = false;
  const bench = new StreamBench(config, (packet) => {
    if (open) send(packet);
  });
  bench.receive(fromPeer(FLAG.syn | FLAG.ack, 0, 1, peerWindow));
  open = true;
  return bench;
}

function fromPeer(flags: number, sequence: number, acknowledgement: number, window: number): Packet {
  const ports = { sourcePort: 7, destinationPort: 49_152 };
  const numbers = { sequence, acknowledgement, window };
  const ends = { source: NODE_9, destination: NODE_7 };
  return { flags, protocol: PROTOCOL.stream, ...ends, ...ports, ...numbers, payload: new Uint8Array(0) };
}

function segment(input: z.infer<typeof writing>): unknown {
  const segments: unknown[] = [];
  const pending: Packet[] = [];
  const bench = connected({ segmentBytes: input.mss, nagle: !input.no_delay }, 512, ({ payload, sequence }) => {
    if (payload.length === 0) return;
    const digest = nativePrimitives.sha256(payload).subarray(0, 8);
    segments.push({ len: payload.length, payload_sha256_8: digest, seq: sequence });
    pending.push(fromPeer(FLAG.ack, 1, sequence + payload.length, 512));
  });
  let written = 0;
  let nowMs = 0;
  for (const length of input.writes) {
    bench.write(Uint8Array.from({ length }, (_, index) => (written + index) * 7));
    written += length;
    nowMs += input.pause_ms_between_writes;
    for (;;) {
      for (let ack = pending.shift(); ack !== undefined; ack = pending.shift()) bench.receive(ack);
      if (bench.now.monotonicMs >= nowMs) break;
      bench.advanceTo(Math.min(nowMs, bench.now.monotonicMs + 1));
    }
  }
  return { segments };
}

function fillWindow(input: z.infer<typeof limited>): unknown {
  const packets: unknown[] = [];
  const bench = connected({ segmentBytes: input.mss }, input.peer_window_segments, (packet) => {
    if (packet.payload.length > 0) packets.push(recordOf(packet));
  });
  bench.write(new Uint8Array(input.write_len));
  bench.advanceTo(input.observe_ms);
  return { packets, segments_sent: packets.length };
}

function repeatAcknowledgements(input: z.infer<typeof repeating>): unknown {
  let sent: unknown[] = [];
  const bench = connected({ segmentBytes: input.mss }, 512, (packet) => sent.push(recordOf(packet)));
  bench.write(new Uint8Array(input.mss * input.segments_in_flight));
  const steps = input.acks_from_peer.map((record) => {
    sent = [];
    bench.receive(packetOf(record));
    const { congestion, duplicates, buffer } = bench.connection.sender;
    return {
      cong_win: congestion.window,
      ssthresh: congestion.slowStartThreshold,
      dup_acks: duplicates,
      unacked_segments: buffer.inFlight.length,
      sent_by_node_7: sent,
    };
  });
  return { steps };
}
