import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder of database files, each with what the database writes beside it. */
export class FileFolder {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async open(folder: string): Promise<FileFolder> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new FileFolder(folder);
  }

  list(): Promise<string[]> {
    return readdir(this.#folder);
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  async size(name: string): Promise<number> {
    const sizes = await Promise.all([name, `${name}.wal`].map((file) => stat(this.path(file)).catch(() => undefined)));
    return sizes.reduce((sum, entry) => sum + (entry?.size ?? 0), 0);
  }

  async remove(name: string): Promise<void> {
    await rm(this.path(name), { force: true });
    await rm(this.path(`${name}.wal`), { force: true });
  }

  async setAside(name: string): Promise<string> {
    const aside = `${name}.unreadable-${Date.now()}`;
    await rename(this.path(name), this.path(aside));
    await rename(this.path(`${name}.wal`), this.path(`${aside}.wal`)).catch(() => undefined);
    return aside;
  }
}
