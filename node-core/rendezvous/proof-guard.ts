import { toHex, utf8 } from '../base/bytes.ts';
import { type Instant, unixMillis } from '../base/clock.ts';
import { verifySignature } from '../crypto/identity.ts';
import { fromBase64, type JsonObject, provenText } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import type { Credentials } from '../wire/registry-request.ts';

/** How far the clock of a node may be from ours. */
const MAX_SKEW_MS = 60_000;
const FEW_KEYS = 1_024;

/**
 * Believes a request only when its node has signed all of it, with a time that is now and was not seen before: then nobody who
 * saw it can repeat it, from elsewhere or with other words.
 */
export class ProofGuard {
  /** The last time that each key has signed. */
  readonly #lastAt = new Map<string, number>();
  #forgetAbove = FEW_KEYS;
  #nowMs = 0;
  /** What was signed before this registry was there may have been believed by the one before it. */
  #notBefore: number | undefined;

  /** A clock that is set back is a start anew: else whoever signed by the right time would be refused until it is reached. */
  turn(now: Instant): void {
    const nowMs = unixMillis(now.unixNano);
    if (nowMs < this.#nowMs - MAX_SKEW_MS) {
      this.#lastAt.clear();
      this.#notBefore = nowMs;
    }
    this.#notBefore ??= nowMs;
    this.#nowMs = nowMs;
  }

  /** @throws RegistryRefusal */
  require(message: JsonObject, { proof, signedAt }: Credentials, publicKey: Uint8Array): void {
    if (proof === '') throw new RegistryRefusal('proof-required');
    const key = toHex(publicKey);
    const earliest = Math.max(this.#nowMs - MAX_SKEW_MS, this.#notBefore ?? 0, (this.#lastAt.get(key) ?? 0) + 1);
    if (signedAt < earliest || signedAt > this.#nowMs + MAX_SKEW_MS) {
      throw new RegistryRefusal('proof-invalid', 'its time is not now, or was used before');
    }
    const signature = fromBase64(proof);
    if (signature === undefined || !verifySignature(publicKey, utf8(provenText(message)), signature)) {
      throw new RegistryRefusal('proof-invalid', 'verification failed');
    }
    this.#lastAt.set(key, signedAt);
    if (this.#lastAt.size > this.#forgetAbove) this.#forget();
  }

  /** What is too old to be believed again need not be remembered. */
  #forget(): void {
    for (const [key, at] of this.#lastAt) if (at < this.#nowMs - MAX_SKEW_MS) this.#lastAt.delete(key);
    this.#forgetAbove = Math.max(FEW_KEYS, 2 * this.#lastAt.size);
  }
}
