import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { StoreLimits } from '../../node-core/collector/duckdb/retention.ts';
import type { SpanRecord } from '../../node-core/collector/span.ts';

export type StoreCall =
  | { readonly type: 'open'; readonly limits: Partial<StoreLimits>; readonly memoryLimit: string }
  | { readonly type: 'close' | 'opened' }
  | { readonly type: 'add'; readonly spans: readonly SpanRecord[] }
  | { readonly type: 'count'; readonly traceIds: readonly string[] };

export type StoreReply =
  | { readonly value: number }
  | { readonly refused: { readonly code: string; readonly message: string } };

/** A store of DuckDB in another process, where its disk can be another one. */
export class RemoteStore {
  readonly #child: ChildProcess;
  #lastId = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.setMaxListeners(0);
  }

  /** @param prefix - The words that go before its command line. */
  static start([command, ...words]: readonly [string, ...string[]], program: string, folder: string): RemoteStore {
    const child = spawn(command, [...words, process.execPath, program, folder], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    return new RemoteStore(child);
  }

  open(limits: Partial<StoreLimits> = {}, memoryLimit = '256MB'): Promise<number> {
    return this.#call({ type: 'open', limits, memoryLimit });
  }

  close(): Promise<number> {
    return this.#call({ type: 'close' });
  }

  /** How many of the spans were new; rejects with what the store rejects with. */
  add(spans: readonly SpanRecord[]): Promise<number> {
    return this.#call({ type: 'add', spans });
  }

  /** The spans of some traces. */
  count(traceIds: readonly string[]): Promise<number> {
    return this.#call({ type: 'count', traceIds });
  }

  /** Instances of the database that were opened so far. */
  opened(): Promise<number> {
    return this.#call({ type: 'opened' });
  }

  async end(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #call(call: StoreCall): Promise<number> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const onMessage = (reply: { id: number } & StoreReply): void => {
        if (reply.id !== id) return;
        this.#child.off('message', onMessage);
        if ('value' in reply) resolve(reply.value);
        else reject(Object.assign(new Error(reply.refused.message), { code: reply.refused.code }));
      };
      this.#child.on('message', onMessage);
      this.#child.once('exit', () => reject(new Error('the process with the store has ended')));
      this.#child.send({ id, call });
    });
  }
}
