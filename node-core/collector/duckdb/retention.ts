export interface StoreLimits {
  readonly capBytes: number;
  /** Days with arrivals that are kept. */
  readonly days: number;
  /** A file that has so many bytes is full, and the next one begins: the cap cannot act on less. */
  readonly bytesOfAFile: number;
  /** A log that has so many bytes is taken over into its file, by a checkpoint. */
  readonly bytesOfALog: number;
  /** Nothing is written while the disk has less room than this: checkpoints and what is beside the store need some. */
  readonly leastFreeBytes: number;
}

/** What is known of a file, for the question whether it is kept. */
export interface KeptFile {
  readonly day: string;
  readonly bytes: number;
  /** When the first and the last of it arrived, in Unix nanoseconds; undefined when nothing did. */
  readonly arrivals: { readonly first: bigint; readonly last: bigint } | undefined;
}

/** A day counts once arrivals have been going on for so long. */
const LASTED_NS = 600_000_000_000n;

/**
 * How many files go, the oldest first, of files in the order they were made in; the newest stays. Too old is a file after
 * which so many other days had arrivals, and each lasted: the clock alone says nothing, as one that is wrong for a minute
 * would delete everything, or what came meanwhile. Beyond the cap the oldest go whatever their age.
 */
export function filesToDrop(
  files: readonly KeptFile[],
  { capBytes, days }: Pick<StoreLimits, 'capBytes' | 'days'>,
): number {
  const lasted = daysThatLasted(files);
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (const [index, file] of files.entries()) {
    const laterDays = new Set(files.slice(index + 1).map(({ day }) => day));
    laterDays.delete(file.day);
    const daysSince = [...laterDays].filter((day) => lasted.has(day)).length;
    if (index === files.length - 1 || (daysSince < days && bytes <= capBytes)) return index;
    bytes -= file.bytes;
  }
  return 0;
}

function daysThatLasted(files: readonly KeptFile[]): Set<string> {
  const spans = new Map<string, { first: bigint; last: bigint }>();
  for (const { day, arrivals } of files) {
    if (arrivals === undefined) continue;
    const times = [arrivals, spans.get(day) ?? arrivals].flatMap(({ first, last }) => [first, last]).sort(ascending);
    spans.set(day, { first: times[0] ?? 0n, last: times.at(-1) ?? 0n });
  }
  return new Set([...spans].flatMap(([day, { first, last }]) => (last - first >= LASTED_NS ? [day] : [])));
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : Number(a > b);
}
