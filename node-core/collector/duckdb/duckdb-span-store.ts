import type { Clock } from '../../base/clock.ts';
import { PilotError } from '../../base/errors.ts';
import type { TraceQuery, TraceSearchResult, VolumeBucket } from '../../contract/trace.ts';
import { JoinIndex } from '../flow/join-index.ts';
import type { FlowJoin, FoundJoin, JoinedTrace } from '../flow-join.ts';
import type { LogRecord } from '../log-record.ts';
import type { SpanRecord } from '../span.ts';
import { type FoundSpans, MOST_READ, type ReadLimits, type SpanStore } from '../store.ts';
import { SpanReader } from './span-reader.ts';
import { StoreFiles, type StoreFilesOptions } from './store-files.ts';
import {
  IDENTITY,
  identityOf,
  joinCells,
  logCells,
  readIdentity,
  readJoin,
  readLogs,
  spanCells,
  textsOf,
} from './store-rows.ts';
import { searchTraces, toNano } from './trace-search.ts';

/** Spans whose identity is remembered, so that a resent export is known; those that came before are told when read. */
const REMEMBERED_SPANS = 300_000;
const RECALLED_JOINS = 100_000;
const RECALLED_FLOWS: ReadLimits = { spans: 20_000, bytes: 32 * 1024 * 1024 };

/** Spans, logs and joins in DuckDB files, one for each day. */
export class DuckdbSpanStore implements SpanStore {
  readonly #files: StoreFiles;
  readonly #reader: SpanReader;
  readonly #clock: Clock;
  readonly #identities = new Set<string>();
  readonly #joins = new JoinIndex();
  #lastFoundAt = 0n;

  private constructor(files: StoreFiles, clock: Clock) {
    this.#files = files;
    this.#reader = new SpanReader((sql, parameters) => files.query(sql, parameters));
    this.#clock = clock;
  }

  /** @throws PilotError `store.unavailable` when another process has the store. */
  static async open(options: StoreFilesOptions): Promise<DuckdbSpanStore> {
    const store = new DuckdbSpanStore(await StoreFiles.open(options), options.clock);
    await store.#recall();
    return store;
  }

  get spanCount(): number {
    return this.#files.spanCount;
  }

  bytes(): Promise<number> {
    return this.#files.bytes();
  }

  async add(spans: readonly SpanRecord[], logs: readonly LogRecord[]): Promise<SpanRecord[]> {
    const fresh = new Map<string, SpanRecord>();
    for (const span of spans) {
      const identity = identityOf(span);
      if (!this.#identities.has(identity)) fresh.set(identity, span);
    }
    const added = [...fresh.values()];
    await this.#files.append({
      ...(added.length > 0 && { spans: lazily(added, spanCells) }),
      ...(logs.length > 0 && { logs: lazily(logs, logCells) }),
      texts: textsOf([...added, ...logs]),
    });
    for (const identity of fresh.keys()) this.#remember(identity);
    return added;
  }

  async addJoins(found: readonly FoundJoin[]): Promise<FlowJoin[]> {
    this.#joins.add(found);
    const { joins, members } = this.#joins.news();
    if (joins.length + members.length === 0) return [];
    const foundAt = this.#nextFoundAt();
    await this.#files.append({
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
    const rows = await this.#files.query(
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
    const rows = await this.#files.query(
      `SELECT DISTINCT * EXCLUDE found_ns FROM all_flow_joins WHERE dialler_trace_id IN (${ids}) OR acceptor_trace_id IN (${ids})`,
      [...rawTraceIds, ...rawTraceIds],
    );
    return rows.map(readJoin);
  }

  spansOf(traceIds: readonly string[], limits: Partial<ReadLimits> = {}): Promise<FoundSpans> {
    const where = `trace_id IN (${marks(traceIds)})`;
    const order = 'start_ns, duration_ns DESC, trace_id, span_id';
    return this.#reader.read({ where, parameters: traceIds, order }, { ...MOST_READ, ...limits });
  }

  async flowSpansSince(arrivedNs: bigint): Promise<readonly SpanRecord[]> {
    const where = 'flow_role IS NOT NULL AND arrived_ns >= ?';
    const selection = { where, parameters: [arrivedNs], order: 'arrived_ns DESC' };
    const { spans } = await this.#reader.read(selection, RECALLED_FLOWS);
    return [...spans].reverse();
  }

  async lastEvents(eventName: string, publicKey: string, most: number): Promise<LogRecord[]> {
    const rows = await this.#files.query(
      'SELECT * FROM all_logs WHERE event_name = ? AND exporter_key = ? ORDER BY time_ns DESC, arrived_ns DESC LIMIT ?',
      [eventName, publicKey, most],
    );
    return readLogs([...rows].reverse(), await this.#reader.textsFor(rows));
  }

  search(query: TraceQuery): Promise<TraceSearchResult> {
    return searchTraces((sql, parameters) => this.#files.query(sql, parameters), query);
  }

  async volume(fromMs: number, toMs: number, buckets: number): Promise<VolumeBucket[]> {
    const widthMs = (toMs - fromMs) / buckets;
    if (!(widthMs > 0)) throw new PilotError('query.invalid', 'the time span is empty');
    const rows = await this.#files.query(
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

  retain(): Promise<string[]> {
    return this.#files.retain();
  }

  close(): Promise<void> {
    return this.#files.close();
  }

  async #recall(): Promise<void> {
    const recent = await this.#files.query(
      `SELECT trace_id, ${IDENTITY} FROM all_spans ORDER BY arrived_ns DESC LIMIT ${REMEMBERED_SPANS}`,
    );
    for (const row of [...recent].reverse()) this.#identities.add(readIdentity(row));
    const joins = await this.#files.query(
      `SELECT * FROM all_flow_joins ORDER BY found_ns DESC LIMIT ${RECALLED_JOINS}`,
    );
    this.#joins.recall([...joins].reverse().map(readJoin));
    this.#lastFoundAt = BigInt((joins[0]?.found_ns ?? 0n) as bigint);
  }

  /** The last word about a family holds, so no two words are of the same moment, and a clock set back does not matter. */
  #nextFoundAt(): bigint {
    const now = this.#clock.now().unixNano;
    this.#lastFoundAt = now > this.#lastFoundAt ? now : this.#lastFoundAt + 1n;
    return this.#lastFoundAt;
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

function marks(values: readonly unknown[]): string {
  return values.map(() => '?').join(', ');
}

function* lazily<From, To>(items: Iterable<From>, make: (item: From) => To): Generator<To> {
  for (const item of items) yield make(item);
}
