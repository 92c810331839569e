import { Duplex } from 'node:stream';
import type { MessagePort } from 'node:worker_threads';

type Message =
  | { readonly type: 'data'; readonly bytes: Uint8Array }
  | { readonly type: 'taken' }
  | { readonly type: 'end' }
  | { readonly type: 'broken' };

/**
 * A stream whose other end is in another thread, over a MessagePort. One piece is under way in each direction at a time,
 * so that a slow reader holds the writer.
 */
export class PortDuplex extends Duplex {
  readonly #port: MessagePort;
  #written: ((error?: Error | null) => void) | undefined;
  #owesTaken = false;

  constructor(port: MessagePort) {
    super({ allowHalfOpen: true });
    this.#port = port;
    port.on('message', (message: Message) => this.#receive(message));
    port.on('close', () => this.destroy());
  }

  override _read(): void {
    if (!this.#owesTaken) return;
    this.#owesTaken = false;
    this.#port.postMessage({ type: 'taken' });
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#written = done;
    this.#port.postMessage({ type: 'data', bytes: new Uint8Array(chunk) });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#port.postMessage({ type: 'end' });
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (error !== null) this.#port.postMessage({ type: 'broken' });
    setImmediate(() => this.#port.close()); // after what was posted
    done(error);
  }

  #receive(message: Message): void {
    switch (message.type) {
      case 'data':
        this.#owesTaken = true;
        if (this.push(message.bytes)) this._read();
        return;
      case 'taken': {
        const done = this.#written;
        this.#written = undefined;
        done?.();
        return;
      }
      case 'end':
        this.push(null);
        return;
      case 'broken':
        this.destroy(new Error('the other end broke off'));
    }
  }
}
