import { encodeEvent } from '../collector/event-codec.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { Resource } from '../collector/span.ts';
import type { DeckCollector } from '../collector-thread/deck-collector.ts';
import type { LogEvent } from '../contract/log.ts';
import type { Report } from '../node/reporter.ts';
import { encodeReport } from '../runtime/telemetry.ts';

/** Spans and lines of the log are submitted together. */
const BATCH_MS = 100;
/** Lines that wait for the node to be registered. */
const MOST_WAITING = 1_000;

/** Brings what this deck's own node records to the collector, in batches. */
export class OwnRecords {
  readonly #collector: DeckCollector;
  readonly #resource: Resource;
  /** Without a node id nobody could tell later whose lines they are: they wait for it. */
  readonly #isRegistered: () => boolean;
  #spans: RecordedSpan[] = [];
  #lines: LogEvent[] = [];
  #recorded = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(collector: DeckCollector, resource: Resource, isRegistered: () => boolean) {
    this.#collector = collector;
    this.#resource = resource;
    this.#isRegistered = isRegistered;
  }

  /** Spans that this node recorded, since start. */
  get recorded(): number {
    return this.#recorded;
  }

  addSpan(span: RecordedSpan): void {
    this.#recorded += 1;
    this.#spans.push(span);
    this.#submitSoon();
  }

  addLine(line: LogEvent): void {
    this.#lines.push(line);
    if (this.#lines.length > MOST_WAITING) this.#lines.shift();
    this.#submitSoon();
  }

  /** Reports are news: they do not wait. */
  addReports(reports: readonly Report[]): void {
    this.#collector.submit(
      [],
      reports.map((report) => encodeReport(report, this.#resource)),
    );
  }

  /** Submits what still waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const spans = this.#spans;
    this.#spans = [];
    const lines = this.#isRegistered() ? this.#lines.splice(0) : [];
    if (spans.length + lines.length === 0) return;
    this.#collector.submit(
      spans,
      lines.map((line) => encodeEvent(line, this.#resource)),
    );
  }

  #submitSoon(): void {
    this.#timer ??= setTimeout(() => this.flush(), BATCH_MS);
  }
}
