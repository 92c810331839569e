/**
 * Takes over from `previous` every value that `next` only repeats, so that what did not change stays the same object.
 * Values are plain data, as they cross the contract.
 */
export function keepUnchanged<K, V>(previous: ReadonlyMap<K, V>, next: ReadonlyMap<K, V>): Map<K, V> {
  const kept = new Map<K, V>();
  for (const [key, value] of next) {
    const before = previous.get(key);
    kept.set(key, before !== undefined && sameData(before, value) ? before : value);
  }
  return kept;
}

function sameData(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => sameData((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}
