import type { Duplex } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { type KeepBatch, MOST_SENT_BYTES, OtlpReceiver } from '../collector/otlp/otlp-receiver.ts';
import type { Exporter } from '../collector/span.ts';
import { HttpServer } from '../io/http-server.ts';

/** Where OTLP/HTTP is taken, `H:P`, and why not where it was wanted first: "H:P is in use by X". */
export interface OtlpAddress {
  readonly otlpHttp: string;
  readonly taken: string | undefined;
}

/** OTLP over HTTP: on loopback for programs of this machine, and on streams of the overlay for the fleet. */
export class OtlpServer {
  readonly #server: HttpServer<Exporter>;
  readonly #hosts = ['localhost', '127.0.0.1', '[::1]'];

  constructor(clock: Clock, keep: KeepBatch) {
    const handler = new OtlpReceiver({ now: () => clock.now().unixNano, keep, hosts: this.#hosts });
    this.#server = new HttpServer({
      handler,
      sourceOf: ({ nodeId }) => String(nodeId),
      limits: { mostBodyBytes: MOST_SENT_BYTES },
    });
  }

  /**
   * Listens on the first of the endpoints whose port is free.
   *
   * @throws PilotError `port.in-use` when none is, `config.invalid` for an address that is not of this machine.
   */
  async listen(endpoints: readonly Endpoint[]): Promise<OtlpAddress> {
    let taken: PilotError | undefined;
    for (const endpoint of endpoints) {
      try {
        const local = await this.#server.listen(endpoint);
        this.#hosts.push(local.host.includes(':') ? `[${local.host}]` : local.host);
        return { otlpHttp: formatEndpoint(local), taken: taken?.message };
      } catch (error) {
        if (!(error instanceof PilotError) || error.code !== 'port.in-use') throw error;
        taken = error;
      }
    }
    throw taken ?? new PilotError('config.invalid', 'no address to listen on');
  }

  /** Serves one stream of the overlay; what comes by it is the peer's. */
  serveStream(stream: Duplex, peer: Exporter): void {
    this.#server.serveStream(stream, peer);
  }

  close(): Promise<void> {
    return this.#server.close();
  }
}
