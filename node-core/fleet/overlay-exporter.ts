import { Agent, type ClientRequestArgs, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { BoundedQueue } from '../base/bounded-queue.ts';
import type { RecordedLog } from '../collector/log-record.ts';
import { encodeLogsRequest, encodeTracesRequest } from '../collector/otlp/otlp-encode.ts';
import type { RecordedSpan } from '../collector/recording-tracer.ts';
import type { RunningNode } from '../runtime/running-node.ts';
import { PORT } from '../wire/packet.ts';

const FLUSH_MS = 250;
const RETRY_MS = { first: 500, max: 10_000 } as const;
const BATCH = 512;
const TIMEOUT_MS = 10_000;

/** Where telemetry goes: the operator's node, as soon as it is known. */
export type FindCollector = () => number | undefined;

/**
 * Sends spans and reports as OTLP/HTTP over one overlay stream to port 4318 of the operator's node. What cannot be sent
 * waits, as much as fits; the newest beyond that is dropped and counted.
 */
export class OverlayExporter {
  readonly #node: RunningNode;
  readonly #collector: FindCollector;
  readonly #agent: OverlayAgent;
  readonly #spans = new BoundedQueue<RecordedSpan>({ items: 8_192 });
  readonly #logs = new BoundedQueue<RecordedLog>({ items: 8_192 });
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retryMs: number = RETRY_MS.first;
  #lost = 0;
  #recorded = 0;
  #stopped = false;

  constructor(node: RunningNode, collector: FindCollector) {
    this.#node = node;
    this.#collector = collector;
    this.#agent = new OverlayAgent(node, collector);
  }

  /** Spans and reports so far, and those of them that never left. */
  get counts(): { readonly recorded: number; readonly dropped: number } {
    return { recorded: this.#recorded, dropped: this.#spans.dropped + this.#logs.dropped + this.#lost };
  }

  addSpan(span: RecordedSpan): void {
    this.#recorded += 1;
    this.#spans.push(span);
    this.#schedule(FLUSH_MS);
  }

  /** Reports go soon: the operator should see a change within a second. */
  addLogs(logs: readonly RecordedLog[]): void {
    this.#recorded += logs.length;
    for (const log of logs) this.#logs.push(log);
    this.#schedule(20);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#agent.destroy();
  }

  #schedule(ms: number): void {
    if (this.#stopped) return;
    this.#timer ??= setTimeout(() => void this.#flush(), ms);
  }

  async #flush(): Promise<void> {
    try {
      if (this.#collector() === undefined || this.#node.nodeId === 0) throw new Error('no collector is known yet');
      await this.#drain('/v1/logs', this.#logs, encodeLogsRequest);
      await this.#drain('/v1/traces', this.#spans, encodeTracesRequest);
      this.#retryMs = RETRY_MS.first;
      this.#timer = undefined;
      if (this.#spans.size + this.#logs.size > 0) this.#schedule(FLUSH_MS);
    } catch {
      this.#timer = undefined;
      this.#schedule(this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS.max);
    }
  }

  /** A batch leaves the queue only when it was acknowledged, or refused for good. */
  async #drain<T>(path: string, queue: BoundedQueue<T>, encode: (items: readonly T[]) => Uint8Array): Promise<void> {
    while (queue.size > 0 && !this.#stopped) {
      const batch = queue.first(BATCH);
      const status = await this.#post(path, encode(batch));
      if (status === 429 || status >= 500) throw new Error(`the collector is busy (${status})`);
      if (status !== 200) this.#lost += batch.length;
      for (let taken = 0; taken < batch.length; taken++) queue.shift();
    }
  }

  #post(path: string, body: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          agent: this.#agent,
          method: 'POST',
          host: 'localhost',
          path,
          headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
          timeout: TIMEOUT_MS,
        },
        (reply) => {
          reply.resume();
          reply.on('end', () => resolve(reply.statusCode ?? 0));
          reply.on('error', reject);
        },
      );
      const deadline = setTimeout(() => outgoing.destroy(new Error('no answer in time')), TIMEOUT_MS);
      outgoing.on('close', () => clearTimeout(deadline));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }
}

/** Node's HTTP client over a stream of the overlay that stays open. */
class OverlayAgent extends Agent {
  readonly #node: RunningNode;
  readonly #collector: FindCollector;

  constructor(node: RunningNode, collector: FindCollector) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#node = node;
    this.#collector = collector;
  }

  override createConnection(
    _options: ClientRequestArgs,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const nodeId = this.#collector();
    const dialled =
      nodeId === undefined
        ? Promise.reject(new Error('no collector is known'))
        : this.#node.dial({ nodeId, groupId: 0, port: PORT.telemetry });
    dialled.then(
      ({ duplex }) => done?.(null, duplex),
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}
