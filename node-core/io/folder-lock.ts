import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { PilotError } from '../base/errors.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Holds a folder for this process by listening on a local socket in it. The operating system lets go when the process
 * dies, however it dies, so a restart after a kill need not wait for a lock to grow stale.
 *
 * @throws PilotError `config.invalid` when another process holds the folder.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, 'deck.lock');
  const server = (await tryListen(path)) ?? (await takeOver(path));
  if (server === undefined) {
    throw new PilotError('config.invalid', `${folder} is in use by a running deck; choose another folder with --data`);
  }
  return {
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function takeOver(path: string): Promise<Server | undefined> {
  if (await answers(path)) return undefined;
  await rm(path, { force: true });
  return tryListen(path);
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new PilotError('config.invalid', `cannot lock ${path}: ${error.message}`, {}, { cause: error }));
    });
    server.listen(path, () => resolve(server));
    server.unref();
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
