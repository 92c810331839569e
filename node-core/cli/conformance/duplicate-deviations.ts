import { fromHex } from '../../base/bytes.ts';
import { decodeSack, type SackBlock } from '../../wire/sack.ts';
import type { Deviation } from './deviation.ts';
import { RECORDED_CONFIG } from './stream-bench.ts';
import type { Fields } from './vector-file.ts';

interface PeerPacket {
  readonly ack: number;
  readonly len: number;
  readonly payload?: string;
}

interface Script {
  readonly acks_from_peer: readonly PeerPacket[];
  readonly first_seq: number;
  readonly mss: number;
  readonly segments_in_flight: number;
}

interface Step extends Fields {
  readonly cong_win: number;
  readonly ssthresh: number;
  readonly dup_acks: number;
  readonly unacked_segments: number;
  readonly sent_by_node_7: readonly Fields[];
}

/** What our sender makes of acknowledgements that the recorded one takes otherwise; each rule adds one to those before. */
const RULES = [
  'an acknowledgement with SACK blocks counts as a duplicate',
  'a bare repeat of a peer that reports blocks is no duplicate',
  'an acknowledgement of what was never sent is ignored',
] as const;

const DUPLICATES = 3;
/** Segments from the oldest one to the newest that arrived, by which the oldest is lost. */
const REACH = 4;
const SLOW_START_THRESHOLD = 524_288;

export const duplicateDeviations: readonly Deviation[] = RULES.map((rule, index) => ({
  section: 'duplicate_acks',
  rule,
  expect(input, expected, out) {
    const script = input as unknown as Script;
    const recorded = (out as { readonly steps: readonly Step[] }).steps;
    const speaks = script.acks_from_peer.map((packet) => kindOf(packet, script));
    const applies = { blocks: speaks.includes('blocks'), beyond: index >= 2 && speaks.includes('beyond') };
    const mixed = applies.blocks && speaks.slice(speaks.indexOf('blocks')).includes('bare');
    if (index === 0 ? !applies.blocks : index === 1 ? !mixed : !applies.beyond) return expected;
    return { steps: new Flight(script, index).play(recorded) };
  },
}));

function kindOf({ ack, len, payload }: PeerPacket, script: Script): 'beyond' | 'blocks' | 'data' | 'bare' {
  if (ack > script.first_seq + script.segments_in_flight * script.mss) return 'beyond';
  if (blocksOf({ payload })) return 'blocks';
  return len > 0 ? 'data' : 'bare';
}

function blocksOf({ payload = '' }: { readonly payload?: string | undefined }): SackBlock[] | undefined {
  return decodeSack(fromHex(payload));
}

/** The segments in flight, and what each packet of the peer's changes, as far as these rules go. */
class Flight {
  readonly #script: Script;
  readonly #rules: number;
  #acknowledged: number;
  #reports = false;
  #repairing = false;
  #last: Step;

  constructor(script: Script, rules: number) {
    this.#script = script;
    this.#rules = rules;
    this.#acknowledged = script.first_seq;
    const cong_win =
      (RECORDED_CONFIG.initialCongestionWindow ?? 0) * (script.mss / (RECORDED_CONFIG.segmentBytes ?? 1));
    const counts = { dup_acks: 0, unacked_segments: script.segments_in_flight, sent_by_node_7: [] };
    this.#last = { cong_win, ssthresh: SLOW_START_THRESHOLD, ...counts };
  }

  play(recorded: readonly Step[]): Step[] {
    return this.#script.acks_from_peer.map((packet, index) => {
      const step = recorded[index] as Step;
      this.#last = { ...step, ...this.#last, sent_by_node_7: [], ...this.#take(packet, step) };
      return this.#last;
    });
  }

  /** What the packet changes. */
  #take(packet: PeerPacket, step: Step): Partial<Step> {
    const kind = kindOf(packet, this.#script);
    if (kind === 'beyond') return this.#rules >= 2 ? {} : step;
    if (packet.ack < this.#acknowledged) return {};
    if (kind === 'blocks') this.#reports = true;
    if (packet.ack > this.#acknowledged) return this.#advance(packet.ack);
    if (kind === 'data') return { sent_by_node_7: step.sent_by_node_7 };
    if (this.#last.unacked_segments === 0) return {};
    if (kind === 'blocks') return this.#reported(packet);
    return this.#reports && this.#rules >= 1 ? {} : this.#repeated();
  }

  /** Growth by what was acknowledged, but none in a repair of our own. */
  #advance(ack: number): Partial<Step> {
    const { mss, first_seq, segments_in_flight } = this.#script;
    const { cong_win, ssthresh } = this.#last;
    const bytes = ack - this.#acknowledged;
    const growth = cong_win < ssthresh ? bytes : Math.max(1, Math.floor((mss * bytes) / cong_win));
    this.#acknowledged = ack;
    const unacked_segments = segments_in_flight - Math.floor((ack - first_seq) / mss);
    return { dup_acks: 0, unacked_segments, cong_win: this.#repairing ? cong_win : cong_win + growth };
  }

  #reported(packet: PeerPacket): Partial<Step> {
    const { mss } = this.#script;
    const dup_acks = this.#last.dup_acks + 1;
    const reach = Math.max(...(blocksOf(packet) ?? []).map(({ right }) => right - this.#acknowledged));
    const isLost = dup_acks === DUPLICATES || (reach >= REACH * mss && dup_acks < DUPLICATES);
    if (this.#repairing || !isLost) return { dup_acks };
    this.#repairing = true;
    const window = Math.max(Math.floor(this.#last.cong_win / 2), mss);
    return { dup_acks, cong_win: window, ssthresh: window, sent_by_node_7: this.#oldest() };
  }

  /** The count that v1.9 has as well: each one after the third is a segment that left the network. */
  #repeated(): Partial<Step> {
    const { mss } = this.#script;
    const { cong_win } = this.#last;
    const dup_acks = this.#last.dup_acks + 1;
    if (dup_acks < DUPLICATES) return { dup_acks };
    if (dup_acks > DUPLICATES) return { dup_acks, cong_win: cong_win + mss };
    const ssthresh = Math.max(Math.floor(cong_win / 2), mss);
    return { dup_acks, ssthresh, cong_win: ssthresh + 3 * mss, sent_by_node_7: this.#oldest() };
  }

  #oldest(): Fields[] {
    return [{ flags: 'ACK', seq: this.#acknowledged, len: this.#script.mss }];
  }
}
