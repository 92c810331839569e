import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { app } from 'electron';
import { PilotError } from '../../node-core/base/errors.ts';
import { type FileLock, tryLockFile } from '../../node-core/io/folder-lock.ts';
import { lockOf, makeDataFolder, takeDataFolder } from '../../node-core/supervisor/data-folder.ts';

/**
 * Takes the data folder for this window. Undefined when another window has it, which comes to the front.
 *
 * @param own - The window's own folder in it, where Chromium keeps the links by which windows find each other.
 * @throws PilotError `folder.in-use` when a deck without a window has it, `folder.unusable` when nothing can be kept there.
 */
export async function takeForWindow(dataFolder: string, own: string): Promise<FileLock | undefined> {
  await makeDataFolder(dataFolder);
  const free = tryLockFile(lockOf(dataFolder));
  if (free === undefined && namesWindow(own) && !app.requestSingleInstanceLock()) return undefined;
  const lock = free ?? (await takeDataFolder(dataFolder));
  if (app.requestSingleInstanceLock()) return lock;
  // nobody else has the data folder: whatever says that there is another window was left behind by one that is gone
  for (const name of ['SingletonLock', 'SingletonSocket', 'SingletonCookie']) rmSync(join(own, name), { force: true });
  if (app.requestSingleInstanceLock()) return lock;
  throw new PilotError('folder.unusable', `the window cannot keep its files in ${own}; remove it and start again`);
}

function namesWindow(own: string): boolean {
  return lstatSync(join(own, 'SingletonLock'), { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
