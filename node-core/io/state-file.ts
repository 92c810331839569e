import { randomUUID } from 'node:crypto';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from './make-folder.ts';

const UNFINISHED = '.tmp';

/** Paths whose unfinished files of earlier processes are gone. */
const swept = new Set<string>();

/**
 * Writes a file whole or not at all: into a new owner-only file beside it, to disk, then moved over the old one. When it
 * rejects, nothing has changed and nothing is left behind.
 */
export async function writeStateFile(path: string, content: string): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  await sweepOnce(path);
  const next = `${path}.${randomUUID()}${UNFINISHED}`;
  try {
    await writeToDisk(next, content);
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function writeToDisk(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes what a killed process left of writing this file. Only before this process has written it itself. */
async function sweepOnce(path: string): Promise<void> {
  if (swept.has(path)) return;
  swept.add(path);
  const [folder, name] = [dirname(path), basename(path)];
  const left = (await readdir(folder)).filter((other) => other.startsWith(`${name}.`) && other.endsWith(UNFINISHED));
  for (const other of left) await rm(join(folder, other), { force: true });
}

/**
 * Reads a file with `parse`; undefined when there is none. A file that cannot be parsed is set aside under another name
 * for a person to look at, and `onCorrupt` says where.
 */
export async function readStateFile<T>(
  path: string,
  parse: (content: string) => T,
  onCorrupt: (asideAt: string, error: unknown) => void,
): Promise<T | undefined> {
  let content: string;
  try {
    content = await readFile(path, 'utf8');
    await sweepOnce(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw Object.assign(error as Error, { path }); // the system's own error of reading names none
  }
  try {
    return parse(content);
  } catch (error) {
    const aside = `${path}.corrupt-${Date.now()}`;
    await rename(path, aside);
    onCorrupt(aside, error);
    return undefined;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
