import { concatBytes } from '../../../node-core/base/bytes.ts';
import type { Json } from '../../../node-core/wire/registry-message.ts';
import { seededBytes, seededRandom } from '../seeded-random.ts';

/** Values that no honest JSON field holds, or only at its edges. */
const VALUES: readonly Json[] = [
  ...[null, true, -1, 0, 1, 1.5, 2 ** 31, 2 ** 32, 1e308, '', 'a', '\u0000', '\ud800', '127.0.0.1:0', ':'],
  ...[[], {}, [[[]]], { toString: 1 }, ['a', 1], 'x'.repeat(5_000), '[::1]:1', '=', 'AAAA', -0, 65_536],
  ...['__proto__', 'constructor', { toJSON: 1 }, '9'.repeat(400), '\u202e', '%00', '../../etc'],
];

/** A repeatable source of malice: the same seed makes the same inputs. */
export class HostileInput {
  readonly random: () => number;
  readonly bytes: (length: number) => Uint8Array;

  constructor(seed: number) {
    this.random = seededRandom(seed);
    this.bytes = seededBytes(this.random);
  }

  /** A whole number from 0 up to, not including, `limit`. */
  upTo(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.upTo(from.length)] as T;
  }

  uint32(): number {
    return Math.floor(this.random() * 0x1_0000_0000);
  }

  /** A copy with a few bytes changed, cut off or added. */
  mutated(original: Uint8Array): Uint8Array {
    const copy = original.slice();
    for (let count = 1 + this.upTo(4); count > 0; count--) copy[this.upTo(copy.length)] = this.upTo(256);
    if (this.chance(0.2)) return copy.subarray(0, this.upTo(copy.length));
    return this.chance(0.2) ? concatBytes(copy, this.bytes(this.upTo(32))) : copy;
  }

  /** A value that no honest field holds. */
  value(): Json {
    if (this.chance(0.05)) return this.#deep(200);
    return this.pick(VALUES);
  }

  /** A copy of a JSON tree with one of its values, at any depth, replaced. */
  spoiled(json: Json): Json {
    if (typeof json !== 'object' || json === null || this.chance(0.15)) return this.value();
    if (Array.isArray(json)) {
      if (json.length === 0) return this.value();
      const at = this.upTo(json.length);
      return json.map((item, index) => (index === at ? this.spoiled(item) : item));
    }
    const entries = Object.entries(json);
    if (entries.length === 0) return this.value();
    const at = this.upTo(entries.length);
    return Object.fromEntries(entries.map(([key, value], index) => [key, index === at ? this.spoiled(value) : value]));
  }

  #deep(levels: number): Json {
    let value: Json = 1;
    for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
    return value;
  }
}
