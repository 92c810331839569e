import { constants } from 'node:fs';
import { copyFile, readdir, rename, rm, stat, statfs, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './make-folder.ts';

/** A folder of files that only its owner may see. It is made anew where somebody has removed it. */
export class FileFolder {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<FileFolder> {
    await makeFolder(folder);
    return new FileFolder(folder);
  }

  async list(): Promise<string[]> {
    await makeFolder(this.#folder);
    return readdir(this.#folder);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Bytes of a file; 0 when there is none. */
  async size(name: string): Promise<number> {
    const entry = await stat(this.path(name)).catch(() => undefined);
    return entry?.size ?? 0;
  }

  /** Bytes of the disk that this process may still use. */
  async freeBytes(): Promise<number> {
    await makeFolder(this.#folder);
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.path(from), this.path(to));
  }

  /** Makes `to` of the first bytes of `from`. */
  async copyHead(from: string, to: string, bytes: number): Promise<void> {
    await copyFile(this.path(from), this.path(to), constants.COPYFILE_FICLONE);
    await truncate(this.path(to), bytes);
  }
}
