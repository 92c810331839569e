import { WebSocket } from 'ws';

interface Pending {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId: string; readonly message: string };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A program started with this prints the address of its inspector on standard error. */
export const INSPECTABLE: NodeJS.ProcessEnv = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** The inspectors that programs have announced in what they wrote to standard error. */
export function inspectorsIn(log: string): string[] {
  return [...log.matchAll(/^Debugger listening on (ws:\S+)$/gm)].map((match) => match[1] as string);
}

/** Looks into a running Node program and its worker threads from outside, over the protocol of Node's inspector. */
export class Inspector {
  readonly #socket: WebSocket;
  readonly #pending = new Map<string, Pending>();
  readonly #workers: string[] = [];
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#handle(JSON.parse(String(data)), ''));
    socket.on('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Error('the inspected program ended'));
      this.#pending.clear();
    });
  }

  static async attach(url: string): Promise<Inspector> {
    const socket = new WebSocket(url, { maxPayload: 0 });
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('error', reject);
    });
    const inspector = new Inspector(socket);
    await inspector.#call('', 'NodeWorker.enable', { waitForDebuggerOnStart: false });
    return inspector;
  }

  /** The arguments the program was started with, after its own path. */
  async args(): Promise<string[]> {
    return JSON.parse(String(await this.#evaluate('', 'JSON.stringify(process.argv.slice(2))')));
  }

  /** Bytes of JavaScript heap in use after a full collection, of the program and its threads together. */
  async heapAfterCollection(): Promise<number> {
    let sum = 0;
    for (const session of ['', ...this.#workers]) {
      await this.#call(session, 'HeapProfiler.collectGarbage', {});
      const { usedSize } = (await this.#call(session, 'Runtime.getHeapUsage', {})) as { usedSize: number };
      sum += usedSize;
    }
    return sum;
  }

  /** Resident memory of the whole process, in bytes. */
  async residentBytes(): Promise<number> {
    return Number(await this.#evaluate('', 'process.memoryUsage.rss()'));
  }

  close(): void {
    this.#socket.close();
  }

  async #evaluate(session: string, expression: string): Promise<unknown> {
    const answer = await this.#call(session, 'Runtime.evaluate', { expression, returnByValue: true });
    return (answer as { result: { value: unknown } }).result.value;
  }

  /** `session` is a worker's, or empty for the main thread. */
  #call(session: string, method: string, params: object): Promise<unknown> {
    this.#lastId += 1;
    const message = JSON.stringify({ id: this.#lastId, method, params });
    const answered = new Promise((resolve, reject) => {
      this.#pending.set(`${session} ${this.#lastId}`, { resolve, reject });
    });
    if (session === '') this.#socket.send(message);
    else void this.#call('', 'NodeWorker.sendMessageToWorker', { sessionId: session, message });
    return answered;
  }

  #handle({ id, method, params, result, error }: Message, session: string): void {
    if (method === 'NodeWorker.attachedToWorker' && params !== undefined) this.#workers.push(params.sessionId);
    if (method === 'NodeWorker.receivedMessageFromWorker' && params !== undefined) {
      this.#handle(JSON.parse(params.message), params.sessionId);
    }
    const pending = this.#pending.get(`${session} ${id}`);
    this.#pending.delete(`${session} ${id}`);
    if (error !== undefined) pending?.reject(new Error(error.message));
    else pending?.resolve(result);
  }
}
