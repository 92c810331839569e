import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PilotError } from '../base/errors.ts';

/** The system's limit is 108 bytes with a closing zero on Linux, 104 on macOS, and it cuts what is longer in silence. */
const LONGEST_PATH_BYTES = 103;
const BETWEEN_LOOKS_MS = 100;
const LONGEST_NAME_BYTES = '/0123456789abcdef-fleet-4194304.sock'.length;

/**
 * How the paths of the local sockets of a data folder begin: in a short owner-only folder of this machine's run, with the
 * data folder's hash, so that they fit however long the data folder's path is. Under XDG_RUNTIME_DIR where that is set
 * and short, else under the folder for temporary files. Sockets that killed processes left there are removed.
 *
 * @throws PilotError `folder.unusable` when the folder belongs to another user.
 */
export async function prepareLocalSockets(dataFolder: string): Promise<string> {
  const folder = await ownFolder();
  const there = (await readdir(folder)).map((name) => join(folder, name));
  await Promise.all(there.map(async (path) => ((await isDead(path)) ? rm(path, { force: true }) : undefined)));
  const real = await realpath(dataFolder).catch(() => dataFolder);
  return join(folder, createHash('sha256').update(real).digest('hex').slice(0, 16));
}

/** Where the process with this id puts its socket of a kind. */
export function localSocket(prefix: string, kind: 'deck' | 'fleet', pid: number): string {
  return `${prefix}-${kind}-${pid}.sock`;
}

/** The sockets of a kind that are there, some perhaps of killed processes. */
export async function localSockets(prefix: string, kind: 'deck' | 'fleet'): Promise<string[]> {
  const names = await readdir(dirname(prefix)).catch(() => []);
  return names
    .filter((name) => name.startsWith(`${basename(prefix)}-${kind}-`))
    .map((name) => join(dirname(prefix), name));
}

async function ownFolder(): Promise<string> {
  const { uid } = userInfo();
  const chosen = process.env.XDG_RUNTIME_DIR;
  const candidates = [
    ...(chosen?.startsWith('/') ? [join(chosen, 'flightdeck')] : []),
    join(tmpdir(), `flightdeck-${uid}`),
    `/tmp/flightdeck-${uid}`,
  ].filter((path) => Buffer.byteLength(path) + LONGEST_NAME_BYTES <= LONGEST_PATH_BYTES);
  let failure: unknown;
  for (const path of candidates) {
    try {
      await own(path, uid);
      return path;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** The folder must be ours alone: whoever else could write in it could put a socket of their own in the place of ours. */
async function own(path: string, uid: number): Promise<void> {
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const found = await lstat(path);
  if (!found.isDirectory() || (uid >= 0 && found.uid !== uid))
    throw new PilotError('folder.unusable', `${path}, for this user's sockets, belongs to somebody else; remove it`);
  if ((found.mode & 0o077) !== 0) await chmod(path, 0o700);
}

/** Asked twice, since its process may be between binding and listening. */
async function isDead(path: string): Promise<boolean> {
  if (!(await refuses(path))) return false;
  await sleep(BETWEEN_LOOKS_MS);
  return refuses(path);
}

function refuses(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'));
  });
}
