/** The node part of an address, for cards: `0000.7C2E` of `0:0000.0000.7C2E`. Anything else stays as it is. */
export function formatNodePart(address: string): string {
  return /^[0-9]+:[0-9A-Fa-f]{4}\.([0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})$/.exec(address)?.[1]?.toUpperCase() ?? address;
}

/** A key's fingerprint or a trace id, cut in the middle: `9c4e…b07a`. */
export function formatShortId(id: string): string {
  return id.length <= 12 ? id : `${id.slice(0, 6)}…${id.slice(-4)}`;
}
