import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ReceiveBuffer } from '../../../../node-core/stream/receive-buffer.ts';
import { RttEstimator } from '../../../../node-core/stream/rtt-estimator.ts';
import { SendBuffer } from '../../../../node-core/stream/send-buffer.ts';
import { STREAM_DEFAULTS } from '../../../../node-core/stream/stream-config.ts';

interface Case<In, Out> {
  readonly id: string;
  readonly versions: readonly string[];
  readonly in: In;
  readonly out: Out;
}

const file = new URL('../../../vectors/stream.json', import.meta.url);
const { sections } = JSON.parse(readFileSync(file, 'utf8'));

function cases<In, Out>(section: string): Case<In, Out>[] {
  return sections[section].filter((entry: Case<In, Out>) => entry.versions.includes('v1.9'));
}

interface RttStep {
  readonly srtt_ns: string;
  readonly rttvar_ns: string;
  readonly rto_ns: string;
}

describe('reference vectors', () => {
  test.each(cases<{ rtt_samples_ns: string[] }, { steps: RttStep[] }>('rto'))('$id', (vector) => {
    const estimator = new RttEstimator(STREAM_DEFAULTS);
    const steps = vector.in.rtt_samples_ns.map((sample) => {
      estimator.addSampleNs(Number(sample));
      const { smoothedNs, variationNs, timeoutNs } = estimator;
      return { rto_ns: String(timeoutNs), rttvar_ns: String(variationNs), srtt_ns: String(smoothedNs) };
    });
    expect(steps).toEqual(vector.out.steps);
  });

  interface Unacked {
    readonly blocks: [number, number][];
    readonly unacked: { len: number; seq: number }[];
  }
  // The reference compares blocks without wrapping, and so marks wrong segments around 2^32: there we differ.
  const aroundZero = (vector: Case<Unacked, unknown>) => vector.in.unacked.some(({ seq }) => seq > 0xffff_0000);
  const plain = cases<Unacked, { sacked: boolean[] }>('sender_sack').filter((vector) => !aroundZero(vector));
  test.each(plain)('$id', (vector) => {
    const [first] = vector.in.unacked;
    const buffer = new SendBuffer({ ...STREAM_DEFAULTS, nagle: false }, first?.seq ?? 0);
    for (const [index, segment] of vector.in.unacked.entries()) {
      buffer.write(new Uint8Array(segment.len), 0);
      buffer.takeNew(index + 1, 0, true);
    }
    buffer.markSacked(vector.in.blocks.map(([left, right]) => ({ left, right })));
    expect(buffer.inFlight.map((segment) => segment.fate === 'sacked')).toEqual(vector.out.sacked);
  });

  interface Arrivals {
    readonly expected_seq: number;
    readonly segments: { len: number; seq: number }[];
  }
  interface ArrivalStep {
    readonly cumulative_ack: number;
    readonly delivered_lens: number[];
  }
  test.each(cases<Arrivals, { steps: ArrivalStep[] }>('receiver_reassembly'))('$id', (vector) => {
    const buffer = new ReceiveBuffer(STREAM_DEFAULTS, vector.in.expected_seq);
    const steps = vector.in.segments.map((segment) => {
      buffer.accept(segment.seq, new Uint8Array(segment.len));
      const delivered: number[] = [];
      for (let part = buffer.read(); part !== undefined; part = buffer.read()) delivered.push(part.length);
      return { cumulative_ack: buffer.expected, delivered_lens: delivered };
    });
    expect(steps).toEqual(
      vector.out.steps.map(({ cumulative_ack, delivered_lens }) => ({ cumulative_ack, delivered_lens })),
    );
  });
});
