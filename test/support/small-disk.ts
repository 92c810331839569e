import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A disk of its own of a few megabytes, in memory, that nobody else sees but programs that are started through `prefix`.
 * Linux, as root.
 */
export class SmallDisk {
  /** Where it is for programs in it. */
  readonly mount: string;
  /** Where it is for this process; DuckDB takes such a path for another one. */
  readonly path: string;
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess, mount: string) {
    this.#holder = holder;
    this.mount = mount;
    this.path = `/proc/${holder.pid}/root${mount}`;
  }

  static async open(megabytes: number): Promise<SmallDisk> {
    const mount = await mkdtemp(join(tmpdir(), 'small-disk-'));
    const script = `mount -t tmpfs -o size=${megabytes}m tmpfs ${mount} && echo up && exec cat`;
    const holder = spawn('unshare', ['--mount', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await Promise.race([
      once(holder.stdout as NonNullable<typeof holder.stdout>, 'data'),
      once(holder, 'exit').then(() => Promise.reject(new Error('no small disk could be made'))),
    ]);
    return new SmallDisk(holder, mount);
  }

  /** The words that go before a command line. */
  get prefix(): readonly [string, ...string[]] {
    return ['nsenter', `--mount=/proc/${this.#holder.pid}/ns/mnt`, '--'];
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }

  /** Fills it until only so many bytes are left. */
  async fill(leaving = 0): Promise<void> {
    await this.free();
    const bytes = Math.max(0, (await this.freeBytes()) - leaving);
    try {
      await writeFile(join(this.path, 'ballast'), Buffer.alloc(bytes, 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error; // another writer was faster: it is full
    }
  }

  async free(): Promise<void> {
    await rm(join(this.path, 'ballast'), { force: true });
  }

  async close(): Promise<void> {
    const ended = once(this.#holder, 'exit');
    this.#holder.stdin?.end();
    await ended;
    await rmdir(this.mount);
  }
}
