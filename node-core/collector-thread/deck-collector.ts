import type { Duplex } from 'node:stream';
import type { ContractRouterClient } from '@orpc/contract';
import type { ReportRow } from '../base/report.ts';
import type { StoredEvent } from '../collector/event-codec.ts';
import type { ClockEstimate } from '../collector/flow/clock-offsets.ts';
import type { RecordedLog } from '../collector/log-record.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { Exporter } from '../collector/span.ts';
import type { LedgerStage } from '../contract/status.ts';
import type { traceRoutes } from '../contract/trace.ts';

export type TraceCalls = ContractRouterClient<typeof traceRoutes>;

/** Figures of the collector for the status line. */
export interface CollectorFigures {
  readonly spansPerSecond: number;
  readonly ledger: readonly LedgerStage[];
  readonly store: { readonly spans: number; readonly bytes: number; readonly capBytes: number };
}

export interface CollectorEvents {
  /** Rows of the mesh, as they are stored. */
  readonly onReports: (rows: readonly ReportRow[]) => void;
  readonly onFigures: (figures: CollectorFigures) => void;
  /** Each exporting node's clock minus ours, by public key. */
  readonly onClocks: (clocks: ReadonlyMap<string, ClockEstimate>) => void;
  readonly onProblem: (text: string) => void;
  /** Hears why the store takes nothing; not to be stored in it. */
  readonly onTrouble: (text: string) => void;
}

/** What the deck needs of the collector, which lives in a thread of its own. */
export interface DeckCollector {
  /** Where OTLP/HTTP is taken: `H:P`. */
  readonly otlpHttp: string;
  /** Why not where it was wanted first: "H:P is in use by X"; undefined where it is. */
  readonly otlpTaken: string | undefined;
  /** Who our own records are from. */
  setSelf(self: Exporter): void;
  /** Spans and reports of our own node. */
  submit(spans: readonly RecordedSpan[], logs: readonly RecordedLog[]): void;
  /** Serves OTLP/HTTP on a stream of the overlay, to the peer that its tunnel authenticated. */
  serveStream(stream: Duplex, peer: Exporter): void;
  /** The last lines of the log that the deck with this key has submitted, the oldest first. */
  events(publicKey: string, most: number): Promise<readonly StoredEvent[]>;
  /** The contract's calls about traces; `store.unavailable` while the thread is away. */
  readonly trace: TraceCalls;
  stop(): Promise<void>;
}
