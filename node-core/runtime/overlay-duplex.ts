import { Duplex } from 'node:stream';

/** What a Duplex needs of an open overlay stream; the running node provides it. */
export interface StreamPort {
  /** The next bytes in order, or undefined when nothing waits now. */
  read(): Uint8Array | undefined;
  /** Takes as many bytes as fit and says how many; `onWritable` follows once there is room again. */
  write(bytes: Uint8Array): number;
  close(): void;
  reset(): void;
  onReadable: (() => void) | undefined;
  onWritable: (() => void) | undefined;
  /** Called once; an error unless both sides ended in order. */
  onClosed: ((error: Error | undefined) => void) | undefined;
}

/** An overlay stream as a Node.js Duplex, so that HTTP and other libraries speak over it unchanged. */
export class OverlayDuplex extends Duplex {
  readonly #port: StreamPort;
  #unwritten: { bytes: Uint8Array; done: (error?: Error | null) => void } | undefined;
  #wanted = false;

  constructor(port: StreamPort) {
    super({ allowHalfOpen: true });
    this.#port = port;
    port.onReadable = () => this.#pull();
    port.onWritable = () => this.#flush();
    port.onClosed = (error) => this.#handleClosed(error);
  }

  // What Node's HTTP client expects of a socket; the overlay has its own keepalive, and timing is the caller's.
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  override _read(): void {
    this.#wanted = true;
    this.#pull();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#unwritten = { bytes: chunk, done };
    this.#flush();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#port.close();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (error !== null) this.#port.reset();
    else this.#port.close();
    done(error);
  }

  /** Takes bytes from the stream only while the reader wants some, so that the peer is held by the window. */
  #pull(): void {
    while (this.#wanted) {
      const bytes = this.#port.read();
      if (bytes === undefined) return;
      this.#wanted = this.push(bytes);
    }
  }

  #flush(): void {
    const pending = this.#unwritten;
    if (pending === undefined) return;
    const taken = this.#port.write(pending.bytes);
    if (taken < pending.bytes.length) {
      this.#unwritten = { ...pending, bytes: pending.bytes.subarray(taken) };
      return;
    }
    this.#unwritten = undefined;
    pending.done();
  }

  #handleClosed(error: Error | undefined): void {
    this.#wanted = true;
    this.#pull();
    if (error !== undefined) this.destroy(error);
    else this.push(null);
  }
}
