import { PilotError } from '../base/errors.ts';
import type { TraceQuery, TraceSearchResult, VolumeBucket } from '../contract/schema.ts';
import type { FlowJoin } from './flow-stitcher.ts';
import type { LogRecord } from './log-record.ts';
import INITIAL from './migrations/0001-spans-logs-joins.sql?raw';
import { decodeTracesJson } from './otlp-decode-json.ts';
import type { Exporter, SpanRecord } from './span.ts';
import { type Cell, identityOf, joinKey, joinRow, logRow, spanRow, TABLES, type TableName } from './store-rows.ts';
import { type FamilyOf, searchTraces } from './trace-search.ts';

/** The database as the store needs it; io/duckdb.ts is one. */
export interface Database {
  attach(path: string, name: string): Promise<void>;
  detach(name: string): Promise<void>;
  run(sql: string): Promise<void>;
  query(sql: string, parameters?: readonly Cell[]): Promise<Readonly<Record<string, unknown>>[]>;
  append(database: string, table: string, types: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void>;
  close(): void;
}

/** The folder the files of the days are in. */
export interface StoreFolder {
  /** Names of the files that are there. */
  list(): Promise<string[]>;
  path(name: string): string;
  /** Bytes of a file and what belongs to it. */
  size(name: string): Promise<number>;
  remove(name: string): Promise<void>;
  /** Puts an unreadable file out of the way, and says where. */
  setAside(name: string): Promise<string>;
}

export interface StoreLimits {
  readonly capBytes: number;
  readonly days: number;
}

const DAY_FILE = /^day-(\d{4})-(\d{2})-(\d{2})\.duckdb$/;
const MIGRATIONS: readonly string[] = [INITIAL];
/** Spans whose identity is remembered, so that a resent export is known. */
const REMEMBERED = 300_000;
/** More spans of one trace than this are not read at once. */
export const MOST_SPANS_OF_TRACE = 100_000;

/** Spans, logs and joins on disk: one file for each UTC day of arrival, old ones dropped whole. */
export class SpanStore {
  readonly #database: Database;
  readonly #folder: StoreFolder;
  readonly #limits: StoreLimits;
  readonly #days = new Set<string>();
  readonly #identities = new Set<string>();
  readonly #joins = new Map<string, FlowJoin>();
  #spans = 0;

  private constructor(database: Database, folder: StoreFolder, limits: StoreLimits) {
    this.#database = database;
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Opens all days that are there; `onProblem` hears of files that could not be read and were set aside. */
  static async open(
    database: Database,
    folder: StoreFolder,
    limits: StoreLimits,
    today: string,
    onProblem: (text: string) => void,
  ): Promise<SpanStore> {
    const store = new SpanStore(database, folder, limits);
    for (const name of (await folder.list()).filter((file) => DAY_FILE.test(file)).sort()) {
      await store.#attachOrSetAside(name, onProblem);
    }
    await store.#ensureDay(today);
    await store.#recall();
    return store;
  }

  get spanCount(): number {
    return this.#spans;
  }

  get joins(): Iterable<FlowJoin> {
    return this.#joins.values();
  }

  async bytes(): Promise<number> {
    const sizes = await Promise.all([...this.#days].map((day) => this.#folder.size(fileOf(day))));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Appends what is new of these spans, and returns it. When this resolves it is on disk. */
  async addSpans(spans: readonly SpanRecord[], day: string): Promise<SpanRecord[]> {
    const fresh: SpanRecord[] = [];
    const identities: string[] = [];
    const inBatch = new Set<string>();
    for (const span of spans) {
      const identity = identityOf(span);
      if (this.#identities.has(identity) || inBatch.has(identity)) continue;
      inBatch.add(identity);
      fresh.push(span);
      identities.push(identity);
    }
    await this.#append(
      'spans',
      day,
      fresh.map((span, index) => spanRow(span, identities[index] as string)),
    );
    for (const identity of identities) this.#remember(identity);
    this.#spans += fresh.length;
    return fresh;
  }

  async addLogs(logs: readonly LogRecord[], day: string): Promise<void> {
    await this.#append('logs', day, logs.map(logRow));
  }

  async addJoins(joins: readonly FlowJoin[], day: string): Promise<void> {
    const fresh = joins.filter((join) => !this.#joins.has(joinKey(join)));
    await this.#append('flow_joins', day, fresh.map(joinRow));
    for (const join of fresh) this.#rememberJoin(join);
  }

  /** The spans of raw traces, each once. */
  async spansOf(traceIds: readonly string[]): Promise<{ readonly spans: SpanRecord[]; readonly total: number }> {
    const marks = traceIds.map(() => '?').join(', ');
    const where = `WHERE trace_id IN (${marks})`;
    const [counted] = await this.#database.query(
      `SELECT count(DISTINCT identity) AS n FROM all_spans ${where}`,
      traceIds,
    );
    const rows = await this.#database.query(
      `SELECT any_value(otlp) AS otlp, any_value(arrived_ns) AS arrived_ns, any_value(exporter_node) AS exporter_node,
         any_value(exporter_address) AS exporter_address, any_value(exporter_key) AS exporter_key, min(start_ns) AS start_ns
       FROM all_spans ${where} GROUP BY identity ORDER BY start_ns LIMIT ${MOST_SPANS_OF_TRACE}`,
      traceIds,
    );
    return { spans: rows.flatMap(readSpan), total: Number(counted?.n ?? 0) };
  }

  /** Flow spans that arrived after a moment, so that the other end of a flow is joined also after a restart. */
  async flowSpansSince(arrivedNs: bigint): Promise<SpanRecord[]> {
    const rows = await this.#database.query(
      'SELECT * FROM all_spans WHERE flow_id IS NOT NULL AND arrived_ns >= ? ORDER BY arrived_ns LIMIT 20000',
      [arrivedNs],
    );
    return rows.flatMap(readSpan);
  }

  search(query: TraceQuery, familyOf: FamilyOf): Promise<TraceSearchResult> {
    return searchTraces((sql, parameters) => this.#database.query(sql, parameters), query, familyOf);
  }

  async volume(fromMs: number, toMs: number, buckets: number): Promise<VolumeBucket[]> {
    const widthMs = (toMs - fromMs) / buckets;
    if (!(widthMs > 0)) throw new PilotError('query.invalid', 'the time span is empty');
    const rows = await this.#database.query(
      `SELECT CAST(floor((start_ns / 1e6 - ?) / ?) AS INTEGER) AS bucket, count(*) AS spans, count(*) FILTER (failed) AS errors
       FROM all_spans WHERE start_ns BETWEEN ? AND ? GROUP BY bucket`,
      [fromMs, widthMs, toNano(fromMs), toNano(toMs)],
    );
    const byBucket = new Map(rows.map((row) => [Number(row.bucket), row]));
    return Array.from({ length: buckets }, (_, index) => ({
      at: fromMs + index * widthMs,
      spans: Number(byBucket.get(index)?.spans ?? 0),
      errors: Number(byBucket.get(index)?.errors ?? 0),
    }));
  }

  /** Drops whole days that are too old, and the oldest while there is too much; today's stays. */
  async retain(today: string): Promise<string[]> {
    await this.#ensureDay(today);
    const days = [...this.#days].sort();
    const dropped: string[] = [];
    while (days.length > 1 && (days.length > this.#limits.days || (await this.bytes()) > this.#limits.capBytes)) {
      const oldest = days.shift() as string;
      await this.#dropDay(oldest);
      dropped.push(oldest);
    }
    return dropped;
  }

  close(): void {
    this.#database.close();
  }

  async #append(table: TableName, day: string, rows: readonly (readonly Cell[])[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#ensureDay(day);
    await this.#database.append(nameOf(day), table, TABLES[table], rows);
  }

  async #ensureDay(day: string): Promise<void> {
    if (this.#days.has(day)) return;
    await this.#attach(day);
  }

  async #attachOrSetAside(name: string, onProblem: (text: string) => void): Promise<void> {
    const day = name.slice(4, 14);
    try {
      await this.#attach(day);
    } catch (error) {
      if (/lock/i.test(String(error))) throw error; // another deck has it: its data is not ours to move
      const aside = await this.#folder.setAside(name);
      onProblem(`The store of ${day} could not be read and is set aside as ${aside}`);
    }
  }

  async #attach(day: string): Promise<void> {
    const name = nameOf(day);
    await this.#database.attach(this.#folder.path(fileOf(day)), name);
    await this.#database.run(`CREATE TABLE IF NOT EXISTS ${name}.schema_version (version INTEGER NOT NULL)`);
    const [row] = await this.#database.query(`SELECT coalesce(max(version), 0) AS version FROM ${name}.schema_version`);
    const version = Number(row?.version ?? 0);
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index < version) continue;
      await this.#database.run(
        `BEGIN; USE ${name}; ${sql}; INSERT INTO schema_version VALUES (${index + 1}); COMMIT; USE memory;`,
      );
    }
    this.#days.add(day);
    await this.#drawViews();
  }

  async #dropDay(day: string): Promise<void> {
    this.#days.delete(day);
    await this.#drawViews();
    await this.#database.detach(nameOf(day));
    await this.#folder.remove(fileOf(day));
  }

  /** What is asked of the store is asked of all its days. */
  async #drawViews(): Promise<void> {
    for (const table of ['spans', 'flow_joins'] as const) {
      const parts = [...this.#days].map((day) => `SELECT * FROM ${nameOf(day)}.${table}`);
      await this.#database.run(`CREATE OR REPLACE TEMP VIEW all_${table} AS ${parts.join(' UNION ALL ')}`);
    }
  }

  async #recall(): Promise<void> {
    const [counted] = await this.#database.query('SELECT count(*) AS n FROM all_spans');
    this.#spans = Number(counted?.n ?? 0);
    const recent = await this.#database.query(
      `SELECT identity FROM all_spans ORDER BY arrived_ns DESC LIMIT ${REMEMBERED}`,
    );
    for (const row of recent.reverse()) this.#identities.add(String(row.identity));
    for (const row of await this.#database.query('SELECT * FROM all_flow_joins')) this.#rememberJoin(readJoin(row));
  }

  #remember(identity: string): void {
    this.#identities.add(identity);
    if (this.#identities.size > REMEMBERED) this.#identities.delete(this.#identities.values().next().value as string);
  }

  #rememberJoin(join: FlowJoin): void {
    this.#joins.set(joinKey(join), join);
    if (this.#joins.size > REMEMBERED) this.#joins.delete(this.#joins.keys().next().value as string);
  }
}

/** The UTC day of a moment, as the store's files are named. */
export function dayOf(unixNano: bigint): string {
  return new Date(Number(unixNano / 1_000_000n)).toISOString().slice(0, 10);
}

function fileOf(day: string): string {
  return `day-${day}.duckdb`;
}

function nameOf(day: string): string {
  return `day_${day.replaceAll('-', '_')}`;
}

function toNano(unixMs: number): bigint {
  return BigInt(Math.max(0, Math.round(unixMs))) * 1_000_000n;
}

function readSpan(row: Readonly<Record<string, unknown>>): SpanRecord[] {
  const { exporter_node: nodeId, exporter_address: address, exporter_key: publicKey } = row;
  const exporter: Exporter | undefined =
    typeof nodeId === 'number' ? { nodeId, address: String(address), publicKey: String(publicKey) } : undefined;
  return [...decodeTracesJson(String(row.otlp), { arrivedAt: BigInt(row.arrived_ns as bigint), exporter }).records];
}

function readJoin(row: Readonly<Record<string, unknown>>): FlowJoin {
  return {
    flowId: String(row.flow_id),
    kind: row.kind === 'linked' ? 'linked' : 'joined',
    diallerTraceId: String(row.dialler_trace_id),
    diallerSpanId: String(row.dialler_span_id),
    acceptorTraceId: String(row.acceptor_trace_id),
    acceptorSpanId: String(row.acceptor_span_id),
  };
}
