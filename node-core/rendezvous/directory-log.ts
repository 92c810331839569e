import { changesOf, type DirectoryChange, directoryChange, directorySnapshot } from './directory-state.ts';

/** The first line of a log. */
export const LOG_HEADER = JSON.stringify({ format: 'flightdeck-directory/2' });
const BEFORE_LOGS = '{"format":"flightdeck-directory/1"';
const changes = directoryChange.array();

/** What was read of a log. */
export interface ReadLog {
  readonly changes: readonly DirectoryChange[];
  /** Where the last whole line ends. What comes after is what was being written when the process died. */
  readonly wholeBytes: number;
  readonly tornBytes: number;
  /** Lines that cannot be read: something else than a sudden end has damaged them. */
  readonly damagedLines: number;
  /** It is in the older form, of one object, and is to be written anew. */
  readonly outdated: boolean;
}

/** One line of the log: all that one request changed, so that it is kept whole or not at all. */
export function encodeLogLine(changed: readonly DirectoryChange[]): string {
  return JSON.stringify(changed);
}

/**
 * Reads a log as far as it goes.
 *
 * @returns undefined for what is no log, nor the one object of before.
 */
export function readLog(content: Uint8Array): ReadLog | undefined {
  const wholeBytes = content.lastIndexOf(0x0a) + 1;
  const decoder = new TextDecoder();
  if (decoder.decode(content.subarray(0, BEFORE_LOGS.length)) === BEFORE_LOGS) return readSnapshot(content);
  const [header, ...lines] = decoder.decode(content.subarray(0, wholeBytes)).split('\n');
  if (header !== LOG_HEADER) return undefined;
  const read = lines.slice(0, -1).map(readLine); // after the last line feed comes nothing
  return {
    changes: read.flatMap((line) => line ?? []),
    wholeBytes,
    tornBytes: content.length - wholeBytes,
    damagedLines: read.filter((line) => line === undefined).length,
    outdated: false,
  };
}

function readLine(line: string): DirectoryChange[] | undefined {
  try {
    return changes.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined; // not JSON
  }
}

function readSnapshot(content: Uint8Array): ReadLog | undefined {
  try {
    const snapshot = directorySnapshot.safeParse(JSON.parse(new TextDecoder().decode(content))).data;
    if (snapshot === undefined) return undefined;
    const whole = { wholeBytes: content.length, tornBytes: 0, damagedLines: 0 };
    return { changes: changesOf(snapshot), ...whole, outdated: true };
  } catch {
    return undefined; // not JSON
  }
}
