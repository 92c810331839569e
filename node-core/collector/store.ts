import type { TraceQuery, TraceSearchResult, VolumeBucket } from '../contract/trace.ts';
import type { FlowJoin, FoundJoin, JoinedTrace } from './flow-join.ts';
import type { LogRecord } from './log-record.ts';
import type { SpanRecord } from './span.ts';

export interface ReadLimits {
  readonly spans: number;
  /** Bytes of text that the spans take in the store. */
  readonly bytes: number;
}

/** More of one answer is not read at once. */
export const MOST_READ: ReadLimits = { spans: 100_000, bytes: 128 * 1024 * 1024 };

/** Spans in one order, and how many there are when not all of them could be read. */
export interface FoundSpans {
  readonly spans: readonly SpanRecord[];
  readonly total: number;
}

/**
 * Spans, logs and joins on disk. What a method has written is there when it resolves, whole, and survives a kill; when it
 * rejects, nothing of it is there. Each kind of store passes the same tests.
 *
 * All methods but `recentFamilyOf` reject with PilotError `store.unavailable` when the store cannot do it now.
 */
export interface SpanStore {
  /** Spans that are stored. */
  readonly spanCount: number;
  /** Bytes on disk. */
  bytes(): Promise<number>;

  /** Appends logs, and spans that are new. Returns the spans that were. */
  add(spans: readonly SpanRecord[], logs: readonly LogRecord[]): Promise<SpanRecord[]>;
  /**
   * Keeps joins that are new, and what they make of their traces. Returns the new ones as they are kept: one that would make
   * a joined trace too large only points.
   */
  addJoins(joins: readonly FoundJoin[]): Promise<FlowJoin[]>;
  /** Joins that only point because their joined trace was full. */
  readonly joinsTooLarge: number;

  /** The joined trace that a raw one is part of, as far as the joins that were found last say. */
  recentFamilyOf(traceId: string): JoinedTrace;
  /** The joined trace that any raw id opens. */
  familyOf(traceId: string): Promise<JoinedTrace>;
  /** All joins that touch a joined trace. */
  joinsOf(joined: JoinedTrace): Promise<FlowJoin[]>;

  /**
   * The spans of raw traces, each once: the earliest first, of those that start together the longest, and always in one
   * order. The first that are within the limits, `MOST_READ` by default.
   */
  spansOf(traceIds: readonly string[], limits?: Partial<ReadLimits>): Promise<FoundSpans>;
  /** Flow spans that arrived after a moment, so that the other end of a flow is joined also after a restart. */
  flowSpansSince(arrivedNs: bigint): Promise<readonly SpanRecord[]>;
  /** The last records of an event that this exporter sent, the oldest first. */
  lastEvents(eventName: string, publicKey: string, most: number): Promise<LogRecord[]>;
  /** Finds joined traces: one is found when any of its spans matches, and is one row with the figures of all its spans. */
  search(query: TraceQuery): Promise<TraceSearchResult>;
  /** Spans and errors by time. @throws PilotError `query.invalid` for an empty stretch of time. */
  volume(fromMs: number, toMs: number, buckets: number): Promise<VolumeBucket[]>;

  /** Drops the oldest days beyond the limits. Returns which. */
  retain(): Promise<string[]>;
  close(): Promise<void>;
}
