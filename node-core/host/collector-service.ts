import type { Duplex } from 'node:stream';
import { BoundedQueue } from '../base/bounded-queue.ts';
import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { Endpoint } from '../base/transport.ts';
import { type ClockEstimate, ClockOffsets } from '../collector/clock-offsets.ts';
import { type FlowJoin, FlowStitcher } from '../collector/flow-stitcher.ts';
import { type JoinedTrace, joinedTrace } from '../collector/joined-trace.ts';
import type { LogRecord } from '../collector/log-record.ts';
import { encodeTracesJson } from '../collector/otlp-encode-json.ts';
import type { ExportBatch } from '../collector/otlp-receiver.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import { decodeReport, isReport, type RecordedLog } from '../collector/report-codec.ts';
import type { Exporter, SpanRecord } from '../collector/span.ts';
import { dayOf, type SpanStore } from '../collector/span-store.ts';
import type { ReportRow } from '../collector/topology.ts';
import { TraceTail } from '../collector/trace-tail.ts';
import { viewTrace } from '../collector/trace-view.ts';
import type {
  LedgerStage,
  Trace,
  TraceQuery,
  TraceSearchResult,
  TraceSummary,
  VolumeBucket,
} from '../contract/schema.ts';
import type { CollectorFigures } from './deck-collector.ts';
import { OtlpServer } from './otlp-server.ts';

export interface CollectorServiceOptions {
  readonly store: SpanStore;
  readonly capBytes: number;
  readonly clock: Clock;
  readonly onReports: (rows: readonly ReportRow[]) => void;
  readonly onFigures: (figures: CollectorFigures) => void;
  readonly onClocks: (clocks: ReadonlyMap<number, ClockEstimate>) => void;
  readonly onProblem: (text: string) => void;
}

interface Waiting {
  readonly spans: readonly SpanRecord[];
  readonly logs: readonly LogRecord[];
  readonly done: (kept: boolean) => void;
}

/** Exports that come within this time share one append. */
const GATHER_MS = 15;
const MOST_WAITING_RECORDS = 60_000;
const FIGURES_MS = 1_000;
const RETAIN_MS = 60_000;
const NANOS_PER_MS = 1_000_000n;
/** Flow spans of this long ago are read again at start, so that a flow's other end still finds them. */
const RECALL_NS = 600_000_000_000n;

/** The collector: takes exports in, keeps them, joins flows, aligns clocks and answers questions about traces. */
export class CollectorService {
  readonly #options: CollectorServiceOptions;
  readonly #server: OtlpServer;
  readonly #waiting = new BoundedQueue<Waiting>(
    { items: 10_000, weight: MOST_WAITING_RECORDS },
    ({ spans, logs }) => spans.length + logs.length,
  );
  readonly #stitcher = new FlowStitcher();
  readonly #offsets = new ClockOffsets();
  readonly #joinsOfTrace = new Map<string, FlowJoin[]>();
  readonly #tail: TraceTail;
  readonly #timers: ReturnType<typeof setInterval>[];
  #self: Exporter | undefined;
  #flushing: Promise<void> | undefined;
  #received = 0;
  #kept = 0;
  #rejected = new Map<string, number>();
  #storedAtLastFigures = 0;
  #spansPerSecond = 0;
  #stopping = false;

  constructor(options: CollectorServiceOptions) {
    this.#options = options;
    this.#server = new OtlpServer(options.clock, (batch) => this.#keep(batch));
    this.#tail = new TraceTail((traceId) => this.#familyOf(traceId));
    for (const join of options.store.joins) this.#noteJoin(join);
    this.#timers = [
      setInterval(() => void this.#tellFigures(), FIGURES_MS),
      setInterval(() => void this.#retain(), RETAIN_MS),
    ];
  }

  /** Reads what is needed to go on where the last run ended. */
  async recall(): Promise<void> {
    const { store, clock } = this.#options;
    for (const span of await store.flowSpansSince(clock.now().unixNano - RECALL_NS)) this.#stitcher.handleSpan(span);
    await this.#storeJoins();
  }

  /** Listens for OTLP/HTTP on the first endpoint that can be had. */
  listen(...endpoints: readonly Endpoint[]): Promise<string> {
    return this.#server.listen(...endpoints);
  }

  serveStream(stream: Duplex, peer: Exporter): void {
    this.#server.serveStream(stream, peer);
  }

  /** Who this deck's own records are from. */
  setSelf(self: Exporter): void {
    this.#self = self;
  }

  /** Spans and reports of this deck's own node. */
  async submit(spans: readonly RecordedSpan[], logs: readonly RecordedLog[]): Promise<boolean> {
    const arrival = { arrivedAt: this.#options.clock.now().unixNano, exporter: this.#self };
    this.#received += spans.length;
    return this.#enqueue(
      spans.map((span) => ({ ...span, ...arrival })),
      logs.map((log) => ({ ...log, ...arrival })),
    );
  }

  search(query: TraceQuery): Promise<TraceSearchResult> {
    return this.#options.store.search(query, (traceId) => this.#familyOf(traceId));
  }

  tail(query: TraceQuery, signal: AbortSignal): AsyncGenerator<TraceSummary[], void, undefined> {
    return this.#tail.watch(query, signal);
  }

  /** @throws PilotError `trace.not-found` */
  async trace(traceId: string): Promise<Trace> {
    const joined = this.#familyOf(traceId);
    const { spans, total } = await this.#spansOf([joined]);
    const reference = this.#self?.nodeId;
    const estimates = this.#estimates();
    return viewTrace({
      joined,
      spans,
      joins: this.#joinsOf(joined),
      clocks: { reference, estimates },
      totalSpans: total,
    });
  }

  /** Spans as OTLP JSON, with raw ids or, asked for, with the id of the joined trace. @throws PilotError `trace.not-found` */
  async exportTraces(traceIds: readonly string[], joined: boolean): Promise<{ json: string; spans: number }> {
    const families = traceIds.map((traceId) => this.#familyOf(traceId));
    const { spans } = await this.#spansOf(families);
    const idOf = new Map(families.flatMap((family) => family.rawTraceIds.map((raw) => [raw, family.traceId] as const)));
    const json = joined ? encodeTracesJson(spans, (raw) => idOf.get(raw) ?? raw) : encodeTracesJson(spans);
    return { json, spans: spans.length };
  }

  volume(fromMs: number, toMs: number, buckets: number): Promise<VolumeBucket[]> {
    return this.#options.store.volume(fromMs, toMs, buckets);
  }

  /** What was acknowledged is stored before this resolves. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#server.close();
    while (this.#flushing !== undefined) await this.#flushing;
    this.#options.store.close();
  }

  #keep(batch: ExportBatch): Promise<boolean> {
    const rejected = [...batch.decoded.rejected];
    for (const [reason, count] of rejected) this.#rejected.set(reason, (this.#rejected.get(reason) ?? 0) + count);
    if (batch.signal === 'logs') return this.#enqueue([], batch.decoded.records);
    this.#received += batch.decoded.records.length + rejected.reduce((sum, [, count]) => sum + count, 0);
    return this.#enqueue(batch.decoded.records, []);
  }

  #enqueue(spans: readonly SpanRecord[], logs: readonly LogRecord[]): Promise<boolean> {
    if (spans.length + logs.length === 0) return Promise.resolve(true);
    this.#tail.add(spans);
    this.#tellReports(logs);
    return new Promise((done) => {
      if (this.#stopping || !this.#waiting.push({ spans, logs, done })) {
        this.#rejected.set('store busy', (this.#rejected.get('store busy') ?? 0) + spans.length);
        return done(false);
      }
      this.#flushing ??= this.#flush();
    });
  }

  async #flush(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    const waiting = this.#waiting.drain();
    const kept = await this.#append(waiting);
    for (const { done } of waiting) done(kept);
    this.#flushing = this.#waiting.size > 0 ? this.#flush() : undefined;
  }

  async #append(waiting: readonly Waiting[]): Promise<boolean> {
    const { store, clock, onProblem } = this.#options;
    const day = dayOf(clock.now().unixNano);
    try {
      const spans = waiting.flatMap((item) => item.spans);
      const fresh = await store.addSpans(spans, day);
      await store.addLogs(
        waiting.flatMap((item) => item.logs),
        day,
      );
      this.#kept += spans.length;
      for (const span of fresh) this.#stitcher.handleSpan(span);
      await this.#storeJoins();
      return true;
    } catch (error) {
      onProblem(`The store refused a batch: ${(error as Error).message}`);
      return false;
    }
  }

  /** Joins that were found, and what their handshakes say about clocks. */
  async #storeJoins(): Promise<void> {
    const joins: FlowJoin[] = [];
    for (let join = this.#stitcher.pollJoin(); join !== undefined; join = this.#stitcher.pollJoin()) joins.push(join);
    for (let times = this.#stitcher.pollHandshake(); times !== undefined; times = this.#stitcher.pollHandshake()) {
      this.#offsets.addHandshake(times);
    }
    if (joins.length === 0) return;
    await this.#options.store.addJoins(joins, dayOf(this.#options.clock.now().unixNano));
    for (const join of joins) this.#noteJoin(join);
    this.#tail.regroup(joins);
  }

  #tellReports(logs: readonly LogRecord[]): void {
    const rows: ReportRow[] = [];
    for (const log of logs) {
      if (!isReport(log.eventName)) continue;
      const row = decodeReport(log);
      if (typeof row === 'string') this.#rejected.set(`report ${row}`, (this.#rejected.get(`report ${row}`) ?? 0) + 1);
      else rows.push(row);
    }
    for (const row of rows) {
      if (row.kind === 'node')
        this.#offsets.noteEpoch(row.reporter, row.report.clockEpoch, row.at, row.report.startedAt);
    }
    if (rows.length > 0) this.#options.onReports(rows);
  }

  async #spansOf(families: readonly JoinedTrace[]): Promise<{ spans: SpanRecord[]; total: number }> {
    const found = await this.#options.store.spansOf([...new Set(families.flatMap(({ rawTraceIds }) => rawTraceIds))]);
    if (found.spans.length === 0) throw new PilotError('trace.not-found', 'no span of this trace is in the store');
    return found;
  }

  #familyOf(traceId: string): JoinedTrace {
    return joinedTrace(this.#joinsAround(traceId), traceId);
  }

  #joinsOf(joined: JoinedTrace): FlowJoin[] {
    return [...new Set(joined.rawTraceIds.flatMap((raw) => this.#joinsOfTrace.get(raw) ?? []))];
  }

  /** All joins of the family, walked from one of its traces. */
  #joinsAround(traceId: string): Set<FlowJoin> {
    const joins = new Set<FlowJoin>();
    const seen = new Set([traceId]);
    for (const raw of seen) {
      for (const join of this.#joinsOfTrace.get(raw) ?? []) {
        joins.add(join);
        if (join.kind === 'joined') seen.add(join.diallerTraceId).add(join.acceptorTraceId);
      }
    }
    return joins;
  }

  #noteJoin(join: FlowJoin): void {
    for (const traceId of new Set([join.diallerTraceId, join.acceptorTraceId])) {
      const known = this.#joinsOfTrace.get(traceId);
      if (known === undefined) this.#joinsOfTrace.set(traceId, [join]);
      else known.push(join);
    }
    if (this.#joinsOfTrace.size > 400_000) this.#joinsOfTrace.delete(this.#joinsOfTrace.keys().next().value as string);
  }

  #estimates(): Map<number, ClockEstimate> {
    const self = this.#self?.nodeId;
    if (self === undefined) return new Map();
    return this.#offsets.estimates(self, Number(this.#options.clock.now().unixNano / NANOS_PER_MS));
  }

  async #tellFigures(): Promise<void> {
    const { store, capBytes, onFigures, onClocks } = this.#options;
    const stored = store.spanCount;
    this.#spansPerSecond = 0.6 * this.#spansPerSecond + 0.4 * Math.max(0, stored - this.#storedAtLastFigures);
    this.#storedAtLastFigures = stored;
    const bytes = await store.bytes();
    const dropped = this.#received - this.#kept - this.#waiting.size;
    const ingest: LedgerStage = {
      stage: 'ingest',
      received: this.#received,
      kept: this.#kept,
      dropped: Math.max(0, dropped),
      reasons: Object.fromEntries(this.#rejected),
    };
    onFigures({ spansPerSecond: this.#spansPerSecond, ledger: [ingest], store: { spans: stored, bytes, capBytes } });
    onClocks(this.#estimates());
  }

  async #retain(): Promise<void> {
    const { store, clock, onProblem } = this.#options;
    try {
      const dropped = await store.retain(dayOf(clock.now().unixNano));
      if (dropped.length > 0) onProblem(`Store is full. Oldest spans go first: ${dropped.join(', ')} went.`);
    } catch (error) {
      onProblem(`Old days could not be dropped: ${(error as Error).message}`);
    }
  }
}
