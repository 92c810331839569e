import { readFile, rename } from 'node:fs/promises';
import type { LineLog } from '../base/line-log.ts';
import { LineLogFile } from '../io/line-log-file.ts';
import { Directory, type DirectoryOptions } from '../rendezvous/directory.ts';
import { DirectoryKeeper, wholeLog } from '../rendezvous/directory-keeper.ts';
import { readLog } from '../rendezvous/directory-log.ts';

export interface DirectoryStoreEvents {
  /** A sentence for the operator about what was found on disk. */
  readonly onNews: (text: string) => void;
  readonly onSaveFailed: (error: unknown) => void;
  readonly onSaved?: () => void;
}

export interface OpenDirectory {
  readonly directory: Directory;
  readonly keeper: DirectoryKeeper;
  close(): Promise<void>;
}

/** A directory that goes on from what is in a file, and keeps there what changes. Without a file it forgets everything. */
export async function openDirectory(
  path: string | undefined,
  options: DirectoryOptions,
  events: DirectoryStoreEvents,
): Promise<OpenDirectory> {
  if (path === undefined) return keptIn(FORGETFUL, new Directory(options), events, async () => {});
  const { directory, log } = await load(path, options, events.onNews);
  return keptIn(log, directory, events, () => log.close());
}

function keptIn(
  log: LineLog,
  directory: Directory,
  { onSaveFailed: onFailed, onSaved: onKept = () => {} }: DirectoryStoreEvents,
  close: () => Promise<void>,
): OpenDirectory {
  const everything = () => directory.everything();
  return { directory, keeper: new DirectoryKeeper({ log, everything, onFailed, onKept }), close };
}

async function load(path: string, options: DirectoryOptions, onNews: (text: string) => void) {
  const content = await contentOf(path);
  if (content === undefined || content.length === 0) return startAnew(path, new Directory(options));
  const read = readLog(content);
  if (read === undefined) {
    onNews(`the store was not readable and is set aside as ${await setAside(path)}`);
    return startAnew(path, new Directory(options));
  }
  const directory = Directory.restore(read.changes, options);
  const { tornBytes, damagedLines, wholeBytes, outdated } = read;
  if (tornBytes > 0) onNews(`the last ${tornBytes} bytes of the store were never whole, and are left out`);
  if (damagedLines > 0) {
    onNews(
      `${damagedLines} lines of the store were not readable and are left out; it is set aside as ${await setAside(path)}`,
    );
    directory.skipIds();
  }
  if (damagedLines > 0 || outdated) return startAnew(path, directory);
  return { directory, log: await LineLogFile.open(path, wholeBytes) };
}

async function startAnew(path: string, directory: Directory) {
  return { directory, log: await LineLogFile.create(path, wholeLog(directory.everything())) };
}

async function contentOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw Object.assign(error as Error, { path }); // the system's own error of reading names none
  }
}

async function setAside(path: string): Promise<string> {
  const aside = `${path}.corrupt-${Date.now()}`;
  await rename(path, aside);
  return aside;
}

const FORGETFUL: LineLog = { bytes: 0, isThere: async () => true, append: async () => {}, replace: async () => {} };
