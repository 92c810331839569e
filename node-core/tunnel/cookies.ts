import { ByteWriter, concatBytes, equalBytes, utf8 } from '../base/bytes.ts';
import type { Millis, RandomBytes } from '../base/clock.ts';
import { nativePrimitives } from '../crypto/native-primitives.ts';
import { COOKIE_LENGTH } from '../wire/tunnel-frame.ts';
import { type Route, routeKey } from './path.ts';
import { COOKIE_LIFETIME_MS } from './tunnel-config.ts';

/**
 * Words that only who hears us can repeat: a keyed hash over where a frame came from and whose it claims to be. Nothing is
 * remembered for them, however many are handed out.
 */
export class Cookies {
  readonly #secret: Uint8Array;

  constructor(random: RandomBytes) {
    this.#secret = random(32);
  }

  create(route: Route, nodeId: number, now: Millis): Uint8Array {
    return this.#compute(route, nodeId, periodOf(now));
  }

  /** True for one that was created for this route and node within the last period or the one before. */
  isValid(cookie: Uint8Array, route: Route, nodeId: number, now: Millis): boolean {
    const period = periodOf(now);
    return [period, period - 1].some((each) => equalBytes(cookie, this.#compute(route, nodeId, each)));
  }

  #compute(route: Route, nodeId: number, period: number): Uint8Array {
    const head = new ByteWriter(12).uint32(nodeId).uint64(BigInt(period)).bytes;
    return nativePrimitives
      .hmacSha256(this.#secret, concatBytes(head, utf8(routeKey(route))))
      .subarray(0, COOKIE_LENGTH);
  }
}

function periodOf(now: Millis): number {
  return Math.max(1, Math.floor(now / COOKIE_LIFETIME_MS) + 1);
}
