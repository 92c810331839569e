import { dirname } from 'node:path';
import type { Lifetime } from '../base/lifetime.ts';
import { lockFile } from '../io/folder-lock.ts';
import { makeFolder } from '../io/make-folder.ts';

/**
 * Holds a file that is one process's at a time, by a lock beside it, until the process ends.
 *
 * @throws PilotError `folder.in-use` when another has it; a system error where it cannot be kept.
 */
export async function takeFile(path: string, what: string, lifetime: Lifetime): Promise<void> {
  await makeFolder(dirname(path));
  const lock = await lockFile(`${path}.lock`, `${what} ${path}`);
  lifetime.onEnd(() => lock.release());
}
