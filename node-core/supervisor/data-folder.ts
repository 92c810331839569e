import { homedir } from 'node:os';
import { join } from 'node:path';
import { PilotError } from '../base/errors.ts';
import { systemWords } from '../base/known-error.ts';
import { type FileLock, lockFile } from '../io/folder-lock.ts';
import { makeFolder } from '../io/make-folder.ts';

/**
 * Where a deck keeps its data: `--data DIR`, else by the XDG base directory specification.
 *
 * @throws PilotError `config.invalid` where there is neither that nor a home.
 */
export function dataFolder(chosen?: string): string {
  if (chosen !== undefined) return chosen;
  return join(process.env.XDG_DATA_HOME || join(home(), '.local', 'share'), 'flightdeck');
}

/**
 * Makes the data folder and takes it for this deck, before anything else of the deck is started: rendezvous, store and
 * identities in it are one deck's at a time.
 *
 * @throws PilotError `folder.in-use` when another deck has it, `folder.unusable` when nothing can be kept there.
 */
export async function takeDataFolder(folder: string): Promise<FileLock> {
  await makeDataFolder(folder);
  try {
    return await lockFile(lockOf(folder), `the data folder ${folder}`);
  } catch (error) {
    throw error instanceof PilotError ? error : unusable(folder, error);
  }
}

/** @throws PilotError `folder.unusable` */
export async function makeDataFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    throw unusable(folder, error);
  }
}

/** The file that the deck of a data folder holds. */
export function lockOf(folder: string): string {
  return join(folder, 'lock');
}

function unusable(folder: string, cause: unknown): unknown {
  const words = systemWords(cause);
  if (words === undefined) return cause;
  const text = `the data folder ${folder} cannot be used: ${words}; name another with --data`;
  return new PilotError('folder.unusable', text, {}, { cause });
}

function home(): string {
  try {
    const found = homedir();
    if (found !== '') return found;
  } catch {
    // no entry for this user, and no HOME
  }
  throw new PilotError('config.invalid', 'this user has no home folder: name a data folder with --data');
}
