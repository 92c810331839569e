import { BoundedMap } from '../base/bounded-map.ts';
import { earliest, type Millis } from '../base/clock.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { PROBE_PAUSES_MS, SOURCE_PROBE_PAUSE_MS } from './tunnel-config.ts';

const MAX_PROBES = 6;

interface Probe {
  readonly endpoint: Endpoint;
  readonly startedAt: Millis;
  sends: number;
  dueAt: Millis | undefined;
}

/** Endpoints that are being asked whether they are the peer's: each a few pings, and not again at once. */
export class EndpointProbes {
  readonly #probes = new BoundedMap<string, Probe>(MAX_PROBES);

  start(endpoint: Endpoint, now: Millis): void {
    const key = formatEndpoint(endpoint);
    const known = this.#probes.get(key);
    if (known !== undefined && now - known.startedAt < SOURCE_PROBE_PAUSE_MS) return;
    this.#probes.set(key, { endpoint, startedAt: now, sends: 0, dueAt: now });
  }

  /** When the probe that is answered now began; undefined for an endpoint that was not asked. */
  startedAt(endpoint: Endpoint): Millis | undefined {
    return this.#probes.get(formatEndpoint(endpoint))?.startedAt;
  }

  /** It answered: no more pings to it, but its start still holds off another probe. */
  settle(endpoint: Endpoint): void {
    const probe = this.#probes.get(formatEndpoint(endpoint));
    if (probe !== undefined) probe.dueAt = undefined;
  }

  takeDue(now: Millis): Endpoint[] {
    const due: Endpoint[] = [];
    for (const probe of this.#probes.values()) {
      if (probe.dueAt === undefined || probe.dueAt > now) continue;
      due.push(probe.endpoint);
      const pause = PROBE_PAUSES_MS[probe.sends];
      probe.sends += 1;
      probe.dueAt = pause === undefined ? undefined : now + pause;
    }
    return due;
  }

  nextDue(): Millis | undefined {
    return earliest(...[...this.#probes.values()].map((probe) => probe.dueAt));
  }
}
