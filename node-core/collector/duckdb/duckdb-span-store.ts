import type { Database } from '../../base/database.ts';
import { PilotError } from '../../base/errors.ts';
import type { TraceQuery, TraceSearchResult, VolumeBucket } from '../../contract/trace.ts';
import { JoinIndex } from '../flow/join-index.ts';
import type { FlowJoin, FoundJoin, JoinedTrace } from '../flow-join.ts';
import type { LogRecord } from '../log-record.ts';
import type { SpanRecord } from '../span.ts';
import { type FoundSpans, MOST_SPANS_READ, type SpanStore } from '../store.ts';
import { StoreDays, type StoreFolder, type StoreLimits } from './store-days.ts';
import {
  IDENTITY,
  identityOf,
  joinCells,
  logCells,
  readIdentity,
  readJoin,
  readLogs,
  readSpans,
  spanCells,
} from './store-rows.ts';
import { searchTraces, toNano } from './trace-search.ts';

export interface DuckdbSpanStoreOptions {
  readonly database: Database;
  readonly folder: StoreFolder;
  readonly limits: StoreLimits;
  /** Unix nanoseconds. */
  readonly now: () => bigint;
  readonly onProblem: (text: string) => void;
}

/** Spans whose identity is remembered, so that a resent export is known; those that came before are told when read. */
const REMEMBERED_SPANS = 300_000;
const RECALLED_JOINS = 100_000;

/** Spans, logs and joins in DuckDB files, one for each day. */
export class DuckdbSpanStore implements SpanStore {
  readonly #days: StoreDays;
  readonly #now: () => bigint;
  readonly #identities = new Set<string>();
  readonly #joins = new JoinIndex();
  #spans = 0;
  #lastFoundAt = 0n;

  private constructor(days: StoreDays, now: () => bigint) {
    this.#days = days;
    this.#now = now;
  }

  /** @throws PilotError `store.unavailable` when another process has the store. */
  static async open({ database, folder, limits, now, onProblem }: DuckdbSpanStoreOptions): Promise<DuckdbSpanStore> {
    const days = await StoreDays.open(database, folder, limits, dayOf(now()), onProblem);
    const store = new DuckdbSpanStore(days, now);
    await store.#recall();
    return store;
  }

  get spanCount(): number {
    return this.#spans;
  }

  bytes(): Promise<number> {
    return this.#days.bytes();
  }

  async add(spans: readonly SpanRecord[], logs: readonly LogRecord[]): Promise<SpanRecord[]> {
    const fresh = new Map<string, SpanRecord>();
    for (const span of spans) {
      const identity = identityOf(span);
      if (!this.#identities.has(identity)) fresh.set(identity, span);
    }
    await this.#days.append(dayOf(this.#now()), {
      spans: [...fresh.values()].map(spanCells),
      logs: logs.map(logCells),
    });
    for (const identity of fresh.keys()) this.#remember(identity);
    this.#spans += fresh.size;
    return [...fresh.values()];
  }

  async addJoins(found: readonly FoundJoin[]): Promise<FlowJoin[]> {
    this.#joins.add(found);
    const { joins, members } = this.#joins.news();
    if (joins.length + members.length === 0) return [];
    const foundAt = this.#nextFoundAt();
    await this.#days.append(dayOf(this.#now()), {
      flow_joins: joins.map((join) => joinCells(join, foundAt)),
      trace_families: members.map(({ traceId, rootTraceId }) => ({
        found_ns: foundAt,
        trace_id: traceId,
        root_trace_id: rootTraceId,
      })),
    });
    this.#joins.told();
    return [...joins];
  }

  get joinsTooLarge(): number {
    return this.#joins.tooLarge;
  }

  recentFamilyOf(traceId: string): JoinedTrace {
    return this.#joins.familyOf(traceId);
  }

  async familyOf(traceId: string): Promise<JoinedTrace> {
    const recent = this.#joins.familyOf(traceId);
    if (recent.rawTraceIds.length > 1) return recent;
    const rows = await this.#days.query(
      `WITH family AS (SELECT trace_id, arg_max(root_trace_id, found_ns) AS root FROM all_trace_families GROUP BY trace_id)
       SELECT trace_id, root FROM family WHERE root = (SELECT root FROM family WHERE trace_id = ?) ORDER BY trace_id`,
      [traceId],
    );
    const root = String(rows[0]?.root ?? traceId);
    return {
      traceId: root,
      rawTraceIds: [root, ...rows.map((row) => String(row.trace_id)).filter((id) => id !== root)],
    };
  }

  async joinsOf({ rawTraceIds }: JoinedTrace): Promise<FlowJoin[]> {
    const recent = this.#joins.joinsOf(rawTraceIds);
    if (recent.length > 0) return recent;
    const ids = marks(rawTraceIds);
    const rows = await this.#days.query(
      `SELECT DISTINCT * EXCLUDE found_ns FROM all_flow_joins WHERE dialler_trace_id IN (${ids}) OR acceptor_trace_id IN (${ids})`,
      [...rawTraceIds, ...rawTraceIds],
    );
    return rows.map(readJoin);
  }

  async spansOf(traceIds: readonly string[], most = MOST_SPANS_READ): Promise<FoundSpans> {
    const rows = await this.#days.query(
      `SELECT *, count(*) OVER () AS total FROM (
         SELECT DISTINCT ON (trace_id, ${IDENTITY}) * FROM all_spans WHERE trace_id IN (${marks(traceIds)})
         ORDER BY arrived_ns)
       ORDER BY start_ns, duration_ns DESC, trace_id, span_id LIMIT ${most}`,
      traceIds,
    );
    return { spans: readSpans(rows), total: Number(rows[0]?.total ?? 0) };
  }

  async flowSpansSince(arrivedNs: bigint): Promise<SpanRecord[]> {
    const rows = await this.#days.query(
      `SELECT * FROM all_spans WHERE flow_role IS NOT NULL AND arrived_ns >= ? ORDER BY arrived_ns DESC LIMIT 20000`,
      [arrivedNs],
    );
    return readSpans([...rows].reverse());
  }

  async lastEvents(eventName: string, publicKey: string, most: number): Promise<LogRecord[]> {
    const rows = await this.#days.query(
      'SELECT * FROM all_logs WHERE event_name = ? AND exporter_key = ? ORDER BY time_ns DESC, arrived_ns DESC LIMIT ?',
      [eventName, publicKey, most],
    );
    return readLogs([...rows].reverse());
  }

  search(query: TraceQuery): Promise<TraceSearchResult> {
    return searchTraces((sql, parameters) => this.#days.query(sql, parameters), query);
  }

  async volume(fromMs: number, toMs: number, buckets: number): Promise<VolumeBucket[]> {
    const widthMs = (toMs - fromMs) / buckets;
    if (!(widthMs > 0)) throw new PilotError('query.invalid', 'the time span is empty');
    const rows = await this.#days.query(
      `SELECT CAST(floor((start_ns / 1e6 - ?) / ?) AS INTEGER) AS bucket, count(*) AS spans,
         count(*) FILTER (failed) AS errors
       FROM all_spans WHERE start_ns >= ? AND start_ns < ? GROUP BY bucket`,
      [fromMs, widthMs, toNano(fromMs), toNano(toMs)],
    );
    const byBucket = new Map(rows.map((row) => [Number(row.bucket), row]));
    return Array.from({ length: buckets }, (_, index) => ({
      at: fromMs + index * widthMs,
      spans: Number(byBucket.get(index)?.spans ?? 0),
      errors: Number(byBucket.get(index)?.errors ?? 0),
    }));
  }

  async retain(): Promise<string[]> {
    const dropped = await this.#days.retain(dayOf(this.#now()));
    if (dropped.length > 0) this.#spans = await this.#countSpans();
    return dropped;
  }

  close(): Promise<void> {
    return this.#days.close();
  }

  async #recall(): Promise<void> {
    this.#spans = await this.#countSpans();
    const recent = await this.#days.query(
      `SELECT trace_id, ${IDENTITY} FROM all_spans ORDER BY arrived_ns DESC LIMIT ${REMEMBERED_SPANS}`,
    );
    for (const row of [...recent].reverse()) this.#identities.add(readIdentity(row));
    const joins = await this.#days.query(`SELECT * FROM all_flow_joins ORDER BY found_ns DESC LIMIT ${RECALLED_JOINS}`);
    this.#joins.recall([...joins].reverse().map(readJoin));
    this.#lastFoundAt = BigInt((joins[0]?.found_ns ?? 0n) as bigint);
  }

  /** The last word about a family holds, so no two words are of the same moment, and a clock set back does not matter. */
  #nextFoundAt(): bigint {
    const now = this.#now();
    this.#lastFoundAt = now > this.#lastFoundAt ? now : this.#lastFoundAt + 1n;
    return this.#lastFoundAt;
  }

  async #countSpans(): Promise<number> {
    const [counted] = await this.#days.query('SELECT count(*) AS n FROM all_spans');
    return Number(counted?.n ?? 0);
  }

  #remember(identity: string): void {
    this.#identities.add(identity);
    if (this.#identities.size > REMEMBERED_SPANS) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const oldest of this.#identities) {
      this.#identities.delete(oldest);
      return;
    }
  }
}

/** The UTC day of a moment, as the store's files are named. */
function dayOf(unixNano: bigint): string {
  return new Date(Number(unixNano / 1_000_000n)).toISOString().slice(0, 10);
}

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}
