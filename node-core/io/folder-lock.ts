import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from 'fs-native-extensions';
import type { Millis } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';

export interface FileLock {
  /** To be handed to the processes that belong to the holder: the lock is held until the last of them has ended. */
  readonly fd: number;
  release(): void;
}

/** A holder that was killed leaves processes that need a moment to end. */
const ORPHANS_MS: Millis = 8_000;
const LOOK_MS: Millis = 50;

/**
 * Holds a file by a lock of the operating system, which lets go when the last process that has it open dies, however it
 * dies: there is no stale lock and nothing to take over. The file stays, with the holder's process id for a person to read.
 *
 * @param what - For the sentence: what the file stands for.
 * @throws PilotError `folder.in-use` when a living process holds it; a system error where the file cannot be made.
 * @see decisions/0007-one-lock-for-the-whole-deck.md
 */
export async function lockFile(path: string, what: string): Promise<FileLock> {
  for (const deadline = performance.now() + ORPHANS_MS; ; await sleep(LOOK_MS)) {
    const lock = tryLockFile(path);
    if (lock !== undefined) return lock;
    const holder = holderOf(path);
    if (isAlive(holder) || performance.now() > deadline) throw inUse(what, holder);
  }
}

/** One try; undefined when it is held. @throws Error of the operating system where the file cannot be made. */
export function tryLockFile(path: string): FileLock | undefined {
  const fd = openSync(path, 'a+', 0o600);
  try {
    if (!tryLock(fd)) {
      closeSync(fd);
      return undefined;
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
    return { fd, release: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The process id that the file names; undefined between a holder's death and the next one. */
export function holderOf(path: string): number | undefined {
  const pid = Number(readFileSync(path, 'utf8'));
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

export function inUse(what: string, holder: number | undefined): PilotError {
  const by = holder === undefined ? '' : ` (process ${holder})`;
  return new PilotError('folder.in-use', `${what} is in use by a running Flightdeck${by}`);
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // another user's
  }
}
