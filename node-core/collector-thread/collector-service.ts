import type { Duplex } from 'node:stream';
import { type Clock, unixMillis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import type { ReportRow } from '../base/report.ts';
import type { Endpoint } from '../base/transport.ts';
import { Trouble } from '../base/trouble.ts';
import { type Batch, BatchProcessor } from '../collector/batch-processor.ts';
import { ClockSteps } from '../collector/clock-steps.ts';
import { decodeEvent, EVENT_NAME, type StoredEvent } from '../collector/event-codec.ts';
import { type ClockEstimate, ClockOffsets } from '../collector/flow/clock-offsets.ts';
import { FlowStitcher } from '../collector/flow/flow-stitcher.ts';
import type { FoundJoin } from '../collector/flow-join.ts';
import type { LogRecord, RecordedLog } from '../collector/log-record.ts';
import { LossLedger, stageFigures } from '../collector/loss-ledger.ts';
import type { ExportBatch } from '../collector/otlp/otlp-decode.ts';
import { MOST_PARTS } from '../collector/otlp/otlp-decode-parts.ts';
import { encodeTracesJson } from '../collector/otlp/otlp-encode-json.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import { decodeReport, isReport } from '../collector/report-codec.ts';
import type { Exporter } from '../collector/span.ts';
import type { ReadLimits, SpanStore } from '../collector/store.ts';
import { TraceTail } from '../collector/trace/trace-tail.ts';
import { viewTrace } from '../collector/trace/trace-view.ts';
import type { LedgerStage } from '../contract/status.ts';
import type {
  Trace,
  TracePart,
  TracePath,
  TraceQuery,
  TraceSearchResult,
  TraceSummary,
  VolumeBucket,
} from '../contract/trace.ts';
import { partsOf } from '../contract/trace-parts.ts';
import type { CollectorFigures } from './deck-collector.ts';
import { type OtlpAddress, OtlpServer } from './otlp-server.ts';

export interface CollectorServiceOptions {
  readonly store: SpanStore;
  readonly capBytes: number;
  readonly clock: Clock;
  readonly onReports: (rows: readonly ReportRow[]) => void;
  readonly onFigures: (figures: CollectorFigures) => void;
  readonly onClocks: (clocks: ReadonlyMap<string, ClockEstimate>) => void;
  readonly onProblem: (text: string) => void;
  /** Hears why the store takes nothing; not to be stored in it. */
  readonly onTrouble: (text: string) => void;
}

/** Exports that come within this time share one append. */
const GATHER_MS = 15;
/** Whatever one request can hold fits into an empty queue. */
const MOST_WAITING_RECORDS = MOST_PARTS;
const MOST_RECORDS_OF_ONE_APPEND = 5_000;
const MOST_BYTES_OF_ONE_APPEND = 8 * 1024 * 1024;
/** What a record of our own takes, about. */
const BYTES_OF_OWN_RECORD = 1_024;
const SAY_AGAIN_MS = 60_000;
const BETWEEN_PARTS_MS = 5;
const FIGURES_MS = 1_000;
const RETAIN_MS = 60_000;
/** A larger trace shows its critical path only when it is opened. */
const MOST_OF_A_PATH: ReadLimits = { spans: 5_000, bytes: 8 * 1024 * 1024 };
/** Flow spans of this long ago are read again at start, so that a flow's other end still finds them. */
const RECALL_NS = 600_000_000_000n;

/** The collector: takes exports in, keeps them, joins flows, aligns clocks and answers questions about traces. */
export class CollectorService {
  readonly #options: CollectorServiceOptions;
  readonly #server: OtlpServer;
  readonly #batches: BatchProcessor;
  readonly #ingest = new LossLedger('ingest');
  readonly #stored = new LossLedger('store');
  readonly #reports = new LossLedger('reports');
  readonly #attributes = new LossLedger('attributes');
  readonly #stitcher = new FlowStitcher();
  readonly #offsets = new ClockOffsets();
  readonly #clockSteps = new ClockSteps();
  readonly #refusals: Trouble;
  readonly #tail: TraceTail;
  readonly #timers: ReturnType<typeof setInterval>[];
  #self: Exporter | undefined;
  #keptBefore = 0;
  #spansPerSecond = 0;

  constructor(options: CollectorServiceOptions) {
    this.#options = options;
    this.#server = new OtlpServer(options.clock, (batch) => this.#take(batch));
    this.#batches = new BatchProcessor({
      write: (batch) => this.#write(batch),
      gatherMs: GATHER_MS,
      mostWaiting: MOST_WAITING_RECORDS,
      mostOfOneWrite: MOST_RECORDS_OF_ONE_APPEND,
      mostBytesOfOneWrite: MOST_BYTES_OF_ONE_APPEND,
    });
    this.#refusals = new Trouble(options.onTrouble, SAY_AGAIN_MS);
    this.#tail = new TraceTail((traceId) => options.store.recentFamilyOf(traceId));
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
    await this.#retain();
  }

  /** Listens for OTLP/HTTP on the first endpoint that can be had. */
  listen(endpoints: readonly Endpoint[]): Promise<OtlpAddress> {
    return this.#server.listen(endpoints);
  }

  serveStream(stream: Duplex, peer: Exporter): void {
    this.#server.serveStream(stream, peer);
  }

  /** Who this deck's own records are from. */
  setSelf(self: Exporter): void {
    this.#self = self;
  }

  /** Spans and reports of this deck's own node. */
  async submit(spans: readonly RecordedSpan[], logs: readonly RecordedLog[]): Promise<void> {
    const arrival = { arrivedAt: this.#options.clock.now().unixNano, exporter: this.#self };
    const batch = {
      spans: spans.map((span) => ({ ...span, ...arrival })),
      logs: logs.map((log) => ({ ...log, ...arrival })),
      bytes: BYTES_OF_OWN_RECORD * (spans.length + logs.length),
    };
    await this.#keep(batch).catch(() => false); // it is counted and told
  }

  search(query: TraceQuery): Promise<TraceSearchResult> {
    return this.#options.store.search(query);
  }

  tail(query: TraceQuery, signal: AbortSignal): AsyncGenerator<TraceSummary[], void, undefined> {
    return this.#tail.watch(query, signal);
  }

  /** The last lines of the log of the deck with this key, the oldest first. */
  async events(publicKey: string, most: number): Promise<StoredEvent[]> {
    const records = await this.#options.store.lastEvents(EVENT_NAME, publicKey, most);
    return records.flatMap((record) => decodeEvent(record) ?? []);
  }

  /** @throws PilotError `trace.not-found` */
  async trace(traceId: string): Promise<AsyncGenerator<TracePart, void, undefined>> {
    const view = await this.#view(traceId);
    if (view === undefined) throw notFound();
    return paced(partsOf(view));
  }

  /** Where the time of several traces went, without those that are gone or too large to be read beside others. */
  async paths(traceIds: readonly string[], signal: AbortSignal): Promise<TracePath[]> {
    const paths: TracePath[] = [];
    for (const traceId of traceIds) {
      if (signal.aborted) break;
      const view = await this.#view(traceId, MOST_OF_A_PATH);
      if (view === undefined || view.spans.length < view.totalSpans) continue;
      paths.push({ traceId, durationMs: view.durationMs, criticalPath: view.criticalPath });
    }
    return paths;
  }

  /**
   * Spans as OTLP JSON, with raw ids or, asked for, with the id of the joined trace.
   *
   * @throws PilotError `trace.not-found` when nothing is known of any of them.
   */
  async exportTraces(
    traceIds: readonly string[],
    joined: boolean,
  ): Promise<{ json: string; spans: number; total: number }> {
    const { store } = this.#options;
    const rootOf = new Map<string, string>();
    for (const id of traceIds) {
      const family = await store.familyOf(id);
      for (const raw of family.rawTraceIds) rootOf.set(raw, family.traceId);
    }
    const { spans, total } = await store.spansOf([...rootOf.keys()]);
    if (spans.length === 0) throw notFound();
    const json = joined ? encodeTracesJson(spans, (raw) => rootOf.get(raw) ?? raw) : encodeTracesJson(spans);
    return { json, spans: spans.length, total };
  }

  volume(fromMs: number, toMs: number, buckets: number): Promise<VolumeBucket[]> {
    return this.#options.store.volume(fromMs, toMs, buckets);
  }

  /** What was acknowledged, and what our own node told, is stored before this resolves. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#server.close();
    await this.#batches.drained();
    await this.#options.store.close();
  }

  /** The joined trace that a raw id belongs to, or the first spans of it; undefined when none is stored. */
  async #view(traceId: string, limits?: Partial<ReadLimits>): Promise<Trace | undefined> {
    const { store } = this.#options;
    const joined = await store.familyOf(traceId);
    const { spans, total } = await store.spansOf(joined.rawTraceIds, limits);
    if (spans.length === 0) return undefined;
    const clocks = { reference: this.#self?.publicKey, estimates: this.#estimates() };
    return viewTrace({ joined, spans, joins: await store.joinsOf(joined), clocks, totalSpans: total });
  }

  #take({ signal, decoded, bytes }: ExportBatch): Promise<boolean> {
    this.#attributes.drop('larger than is kept', decoded.leftOut);
    if (signal === 'logs') return this.#keep({ spans: [], logs: decoded.records, bytes });
    for (const [reason, count] of decoded.rejected) this.#ingest.drop(reason, count);
    return this.#keep({ spans: decoded.records, logs: [], bytes });
  }

  async #keep(batch: Batch): Promise<boolean> {
    const spans = batch.spans.length;
    this.#tellReports(batch.logs);
    try {
      const room = await this.#batches.add(batch);
      if (room) this.#ingest.keep(spans);
      else this.#ingest.drop('no room, sender told to repeat', spans);
      return room;
    } catch (error) {
      this.#ingest.drop('store failed, sender told to repeat', spans);
      throw error;
    }
  }

  async #write({ spans, logs }: Batch): Promise<void> {
    try {
      const fresh = await this.#options.store.add(spans, logs);
      this.#stored.keep(fresh.length);
      this.#stored.drop('sent again', spans.length - fresh.length);
      for (const span of fresh) this.#stitcher.handleSpan(span);
      this.#tail.add(fresh); // not before: what is sent again would count twice
      this.#refusals.end('The store takes batches again', this.#options.clock.now().monotonicMs);
    } catch (error) {
      this.#noteRefusal('The store refuses batches', error);
      throw error;
    }
    await this.#storeJoins();
  }

  /** Joins that were found, and what their handshakes say about clocks. */
  async #storeJoins(): Promise<void> {
    const joins: FoundJoin[] = [];
    for (let join = this.#stitcher.pollJoin(); join !== undefined; join = this.#stitcher.pollJoin()) joins.push(join);
    for (let times = this.#stitcher.pollHandshake(); times !== undefined; times = this.#stitcher.pollHandshake()) {
      this.#offsets.addHandshake(times);
    }
    if (joins.length === 0) return;
    try {
      this.#tail.regroup(await this.#options.store.addJoins(joins));
    } catch (error) {
      // the spans are stored: their senders need not repeat them, and a later start finds the joins again
      this.#noteRefusal('Joins were not stored', error);
    }
  }

  #noteRefusal(what: string, error: unknown): void {
    this.#refusals.note(`${what}: ${(error as Error).message}`, this.#options.clock.now().monotonicMs);
  }

  #tellReports(logs: readonly LogRecord[]): void {
    const rows: ReportRow[] = [];
    for (const log of logs) {
      if (!isReport(log.eventName)) continue;
      const row = decodeReport(log);
      if (typeof row === 'string') this.#reports.drop(row, 1);
      else rows.push(row);
    }
    for (const { kind, reporter, reporterKey, report, at } of rows) {
      if (kind !== 'node') continue;
      this.#offsets.noteEpoch({ publicKey: reporterKey, nodeId: reporter }, report.clockEpoch, at, report.startedAt);
    }
    this.#reports.keep(rows.length);
    if (rows.length > 0) this.#options.onReports(rows);
  }

  #estimates(): Map<string, ClockEstimate> {
    const self = this.#self?.publicKey;
    if (self === undefined) return new Map();
    return this.#offsets.estimates(self, unixMillis(this.#options.clock.now().unixNano));
  }

  async #tellFigures(): Promise<void> {
    const { store, capBytes, clock, onFigures, onClocks, onProblem } = this.#options;
    const step = this.#clockSteps.handle(clock.now());
    if (step !== undefined) onProblem(step);
    this.#refusals.poll(clock.now().monotonicMs);
    this.#spansPerSecond = 0.6 * this.#spansPerSecond + 0.4 * (this.#ingest.kept - this.#keptBefore);
    this.#keptBefore = this.#ingest.kept;
    onFigures({
      spansPerSecond: this.#spansPerSecond,
      ledger: [
        this.#ingest.figures,
        this.#stored.figures,
        this.#flowFigures(),
        this.#clockFigures(),
        this.#reports.figures,
        this.#attributes.figures,
      ],
      store: { spans: store.spanCount, bytes: await store.bytes(), capBytes },
    });
    onClocks(this.#estimates());
  }

  /** Which words about flows were taken. */
  #flowFigures(): LedgerStage {
    const { believed, ignored, dropped } = this.#stitcher;
    const unsaid = { 'joined trace full': this.#options.store.joinsTooLarge, 'not taken in time': dropped };
    return stageFigures('flows', believed, { ...ignored, ...unsaid });
  }

  /** Which handshakes say something about clocks. */
  #clockFigures(): LedgerStage {
    const { taken, dropped } = this.#offsets;
    return stageFigures('clocks', taken, dropped);
  }

  async #retain(): Promise<void> {
    const { store, onProblem } = this.#options;
    try {
      const dropped = await store.retain();
      if (dropped.length > 0)
        onProblem(`The oldest days went to keep the store within its limits: ${dropped.join(', ')}`);
    } catch (error) {
      onProblem(`Old days could not be dropped: ${(error as Error).message}`);
    }
  }
}

/** Gives whoever they pass on the way time between them. */
async function* paced<T>(parts: Iterable<T>): AsyncGenerator<T, void, undefined> {
  for (const part of parts) {
    yield part;
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_PARTS_MS));
  }
}

function notFound(): PilotError {
  return new PilotError('trace.not-found', 'no span of this trace is in the store');
}
