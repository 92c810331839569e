import type { Millis, RandomBytes } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { EPHEMERAL_PORTS } from '../wire/packet.ts';

const COUNT = EPHEMERAL_PORTS.last - EPHEMERAL_PORTS.first + 1;

/**
 * Draws local ports for outgoing streams. A stream's tuple rests after use, since peers may still hold its other end.
 */
export class EphemeralPorts {
  readonly #randomBytes: RandomBytes;
  readonly #restMs: Millis;
  readonly #resting = new Map<string, Millis>(); // until; in the order of release

  constructor(randomBytes: RandomBytes, restMs: Millis) {
    this.#randomBytes = randomBytes;
    this.#restMs = restMs;
  }

  /**
   * Draws a port that is neither in use nor resting towards this remote.
   *
   * @param remote - Names the other end; the same text is given to `release`.
   * @throws PilotError `port.exhausted` when all 16,384 are taken.
   */
  draw(remote: string, isInUse: (port: number) => boolean, nowMs: Millis): number {
    this.#wake(nowMs);
    const [high = 0, low = 0] = this.#randomBytes(2);
    const start = (high * 256 + low) % COUNT; // 16,384 divides 65,536: every port is equally likely
    for (let step = 0; step < COUNT; step++) {
      const port = EPHEMERAL_PORTS.first + ((start + step) % COUNT);
      if (!isInUse(port) && !this.#resting.has(tuple(remote, port))) return port;
    }
    throw new PilotError('port.exhausted', 'every ephemeral port towards this peer is in use', { ports: COUNT });
  }

  release(remote: string, port: number, nowMs: Millis): void {
    this.#wake(nowMs);
    this.#resting.set(tuple(remote, port), nowMs + this.#restMs);
  }

  #wake(nowMs: Millis): void {
    for (const [key, until] of this.#resting) {
      if (until > nowMs) break;
      this.#resting.delete(key);
    }
  }
}

function tuple(remote: string, port: number): string {
  return `${remote}:${port}`;
}
