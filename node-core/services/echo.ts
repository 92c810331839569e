import type { Instant } from '../base/clock.ts';
import type { Service, ServiceStream, StreamHandler } from '../node/service.ts';

/** Echo, port 7: every byte comes back unchanged, as far as the peer reads. No framing, no limit. */
export const echoService: Service = { port: 7, accept: (stream) => new EchoStream(stream) };

class EchoStream implements StreamHandler {
  readonly #stream: ServiceStream;
  #unsent: Uint8Array | undefined;

  constructor(stream: ServiceStream) {
    this.#stream = stream;
  }

  handleReadable(now: Instant): void {
    this.#pump(now);
  }

  handleWritable(now: Instant): void {
    this.#pump(now);
  }

  handleClosed(): void {
    this.#unsent = undefined;
  }

  /** Reads only what it could write back, so that a peer that does not read is held by the window, not by memory. */
  #pump(now: Instant): void {
    for (;;) {
      const bytes = this.#unsent ?? this.#stream.read(now);
      if (bytes === undefined) return;
      const taken = this.#stream.write(bytes, now);
      this.#unsent = taken < bytes.length ? bytes.subarray(taken) : undefined;
      if (this.#unsent !== undefined) return;
    }
  }
}
