import { earliest, type Instant, type Millis } from '../base/clock.ts';
import type { FlowReport, NodeReport, TunnelReport } from '../base/report.ts';

export type Report =
  | { readonly kind: 'node'; readonly at: bigint; readonly report: NodeReport }
  | { readonly kind: 'tunnel'; readonly at: bigint; readonly report: TunnelReport }
  | { readonly kind: 'flow'; readonly at: bigint; readonly report: FlowReport };

/** Where the reporter reads what it reports. */
export interface ReportSource {
  node(): NodeReport;
  peers(): readonly number[];
  tunnel(peerNodeId: number): TunnelReport | undefined;
  openFlows(): readonly FlowReport[];
}

const PERIOD_MS = 5_000;
/** Changes wait a moment for others, so that a burst makes one batch. */
const GATHER_MS = 100;

/** Says what changed soon after it did, and everything every 5 s, so that silence means something. */
export class Reporter {
  readonly #source: ReportSource;
  readonly #changed = new Set<number>();
  readonly #lastWords = new Map<number, TunnelReport>();
  #flows: FlowReport[] = [];
  #dueAt: Millis | undefined;
  #periodAt: Millis = 0;

  constructor(source: ReportSource) {
    this.#source = source;
  }

  tunnelChanged(peerNodeId: number, now: Instant): void {
    this.#changed.add(peerNodeId);
    this.#dueAt ??= now.monotonicMs + GATHER_MS;
  }

  /** The tunnel is gone; `last` is what was measured before. */
  tunnelClosed(last: Omit<TunnelReport, 'openStreams'>, now: Instant): void {
    this.#lastWords.set(last.peerNodeId, { ...last, state: 'closed', openStreams: 0 });
    this.#dueAt ??= now.monotonicMs + GATHER_MS;
  }

  flowChanged(report: FlowReport, now: Instant): void {
    this.#flows.push(report);
    if (this.#flows.length > 4_096) this.#flows.shift(); // the next period tells what is open
    this.#dueAt ??= now.monotonicMs + GATHER_MS;
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#dueAt, this.#periodAt);
  }

  /** What is due now; often nothing. */
  poll(now: Instant): Report[] {
    const nowMs = now.monotonicMs;
    const all = nowMs >= this.#periodAt;
    if (!all && (this.#dueAt === undefined || nowMs < this.#dueAt)) return [];
    if (all) this.#periodAt = nowMs + PERIOD_MS;
    const at = now.unixNano;
    const reports: Report[] = all ? [{ kind: 'node', at, report: this.#source.node() }] : [];
    const peers = new Set([...(all ? this.#source.peers() : this.#changed), ...this.#lastWords.keys()]);
    for (const peer of peers) {
      const report = this.#source.tunnel(peer) ?? this.#lastWords.get(peer); // one that is there again has no last word
      if (report !== undefined) reports.push({ kind: 'tunnel', at, report });
    }
    for (const report of this.#flows) reports.push({ kind: 'flow', at, report });
    if (all) for (const report of this.#source.openFlows()) reports.push({ kind: 'flow', at, report });
    this.#changed.clear();
    this.#lastWords.clear();
    this.#flows = [];
    this.#dueAt = undefined;
    return reports;
  }
}
