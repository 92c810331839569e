/** Fields of the contract whose text others choose: names, words, values. Ids, addresses and enums are the host's own. */
const CHOSEN_BY_OTHERS = new Set([
  ...['hostname', 'name', 'title', 'service', 'services', 'text', 'reason', 'statusMessage', 'joinRule', 'version'],
  ...['tags', 'notes', 'away', 'source', 'networkName', 'pilot.relay.beacon', 'gen_ai.tool.name', 'service.name'],
]);
/** Words of the host in fields that else hold a stranger's. */
const OWN_WORDS = new Set(['measured here', 'open', 'token', 'invite']);

/** The same value with `tail` behind every text in it that a stranger may choose. */
export function withStrangeText<T>(value: T, tail: string): T {
  return tail === '' ? value : (changed(value, tail, false) as T);
}

function changed(value: unknown, tail: string, chosen: boolean): unknown {
  if (typeof value === 'string') return chosen && !OWN_WORDS.has(value) ? value + tail : value;
  if (Array.isArray(value)) return value.map((item) => changed(item, tail, chosen));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inside]) => [key, changed(inside, tail, CHOSEN_BY_OTHERS.has(key))]),
  );
}
