import { earliest, type Instant, type Millis } from '../base/clock.ts';
import { Tally } from '../base/tally.ts';
import type { SpanContext } from '../base/tracer.ts';
import type { Connection } from '../stream/connection.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import type { Service, ServiceStream, StreamHandler } from './service.ts';

/** What of a node its services use beside their streams. */
export interface ServiceHostOptions {
  /** @throws PilotError `port.in-use` */
  readonly listen: (port: number) => void;
  /** The stream's span; undefined when it is not traced. */
  readonly spanOf: (connection: Connection) => SpanContext | undefined;
  readonly linkStream: (connection: Connection, context: SpanContext) => void;
}

/**
 * Hands streams to the services of a node by their ports, and each stream's news to the handler that has it. What a service
 * throws costs the stream that it threw for, and is counted.
 */
export class ServiceHost {
  readonly #options: ServiceHostOptions;
  readonly #services = new Map<number, Service>();
  readonly #handlers = new Map<Connection, StreamHandler>();
  readonly #faults = new Tally<'service-failed'>();

  constructor(options: ServiceHostOptions) {
    this.#options = options;
  }

  /** @throws PilotError `port.in-use` */
  serve(service: Service): void {
    this.#options.listen(service.port);
    this.#services.set(service.port, service);
  }

  /** What went wrong in the services, by reason. */
  get faults(): ReadonlyMap<string, number> {
    const all = new Map<string, number>(this.#faults.counts);
    for (const { faults } of this.#services.values()) {
      for (const [reason, count] of faults ?? []) all.set(reason, (all.get(reason) ?? 0) + count);
    }
    return all;
  }

  handleTimeout(now: Instant): void {
    for (const service of this.#services.values()) {
      const due = service.nextTimeout?.();
      if (due !== undefined && due <= now.monotonicMs) service.handleTimeout?.(now);
    }
  }

  nextTimeout(): Millis | undefined {
    return earliest(...[...this.#services.values()].map((service) => service.nextTimeout?.()));
  }

  /** Takes the news of streams that services have; those of others change nothing here. */
  handle(event: StreamEvent, now: Instant): void {
    const { connection } = event;
    switch (event.type) {
      case 'accepted': {
        const service = this.#services.get(event.port);
        if (service !== undefined) this.#contained(connection, () => this.#accept(service, connection, now));
        return;
      }
      case 'readable':
      case 'ended':
        return this.#contained(connection, () => this.#handlers.get(connection)?.handleReadable(now));
      case 'writable':
        return this.#contained(connection, () => this.#handlers.get(connection)?.handleWritable(now));
      case 'closed':
        this.#contained(connection, () => this.#handlers.get(connection)?.handleClosed(now));
        this.#handlers.delete(connection);
        return;
      case 'established':
      case 'syn-retry':
        return;
      default:
        event satisfies never;
    }
  }

  /** Ends what the services have open. */
  reset(): void {
    for (const connection of this.#handlers.keys()) connection.reset();
  }

  #accept(service: Service, connection: Connection, now: Instant): void {
    this.#handlers.set(connection, service.accept(this.#stream(connection), now));
  }

  #contained(connection: Connection, act: () => void): void {
    try {
      act();
    } catch {
      this.#faults.add('service-failed');
      connection.reset();
    }
  }

  #stream(connection: Connection): ServiceStream {
    return {
      peerNodeId: connection.remote.node,
      groupId: connection.remote.network,
      span: this.#options.spanOf(connection),
      link: (context) => this.#options.linkStream(connection, context),
      read: (now) => connection.read(now),
      write: (bytes, now) => connection.write(bytes, now),
      close: () => connection.close(),
      reset: () => connection.reset(),
    };
  }
}
