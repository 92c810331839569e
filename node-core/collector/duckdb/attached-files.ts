import { type Database, databaseError, faultOf } from '../../base/database.ts';
import { PilotError } from '../../base/errors.ts';
import { copySoundRows, isSound, openWithoutDamagedLog } from './file-rescue.ts';
import { CURRENT_VERSION, prepareFile, readingOf, TABLE_NAMES, tablesOf } from './file-schema.ts';
import { byAge, catalogOf, formatStoreFileName, parseStoreFileName, type StoreFileName } from './store-file.ts';
import type { StoreFolder } from './store-folder.ts';

export interface StoreFile extends StoreFileName {
  readonly name: string;
  readonly catalog: string;
  readonly version: number;
  spans: number;
  /** When the first and the last of it arrived, in Unix nanoseconds; undefined when nothing did. */
  arrivals: { readonly first: bigint; readonly last: bigint } | undefined;
}

/**
 * The files of a folder in one instance of the database. A file that is damaged is opened as far as it can be read, and
 * kept aside as it was; what could not be opened or is lost is said.
 */
export class AttachedFiles {
  readonly database: Database;
  readonly #folder: StoreFolder;
  readonly #onProblem: (text: string) => void;
  readonly #files: StoreFile[] = [];
  #lastNumber = 0;

  private constructor(database: Database, folder: StoreFolder, onProblem: (text: string) => void) {
    this.database = database;
    this.#folder = folder;
    this.#onProblem = onProblem;
  }

  /** @throws PilotError `store.unavailable` when another process has the files. */
  static async open(
    database: Database,
    folder: StoreFolder,
    onProblem: (text: string) => void,
  ): Promise<AttachedFiles> {
    const attached = new AttachedFiles(database, folder, onProblem);
    await prepareFile(database, 'memory'); // what is asked while there is no file
    const names = (await folder.list()).flatMap((name) => parseStoreFileName(name) ?? []).sort(byAge);
    attached.#lastNumber = names.at(-1)?.number ?? 0;
    for (const name of names) {
      const file = await attached.#attach(name);
      if (file !== undefined) attached.#files.push(file);
    }
    await attached.#drawViews();
    return attached;
  }

  /** In the order in which they were made. */
  get files(): readonly StoreFile[] {
    return this.#files;
  }

  async create(day: string): Promise<StoreFile> {
    const next = { day, number: this.#lastNumber + 1 };
    const [name, catalog] = [formatStoreFileName(next), catalogOf(next)];
    try {
      await this.database.attach(this.#folder.path(name), catalog);
      const file = await this.#describe(next);
      this.#lastNumber = next.number;
      this.#files.push(file);
      await this.#drawViews();
      return file;
    } catch (error) {
      await this.database.detach(catalog).catch(() => undefined);
      await this.#remove(name); // nothing is in it
      throw error;
    }
  }

  /** Drops the first files. Returns which. */
  async dropFirst(count: number): Promise<readonly StoreFile[]> {
    const dropped = this.#files.splice(0, count);
    if (count > 0) await this.#drawViews();
    for (const { catalog, name } of dropped) {
      await this.database.detach(catalog);
      await this.#remove(name);
    }
    return dropped;
  }

  /** Bytes of a file with its log. */
  async bytesOf({ name }: StoreFile): Promise<number> {
    return (await this.#folder.size(name)) + (await this.logBytesOf(name));
  }

  logBytesOf(name: string): Promise<number> {
    return this.#folder.size(`${name}.wal`);
  }

  /** Whether the database still answers for each of the files. */
  async answer(): Promise<boolean> {
    try {
      for (const { catalog } of this.#files) await this.database.query(`SELECT version FROM ${catalog}.schema_version`);
      await this.database.run('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }

  /** Reads all files, and replaces those with damage by what can be read of them. */
  async mend(): Promise<void> {
    for (const [index, file] of this.#files.entries()) {
      if (await isSound(this.database, file.catalog, file.version)) continue;
      this.#files[index] = await this.#replaceBySound(file, file.version);
    }
    await this.#drawViews();
  }

  /** A file that is there; undefined when it cannot be opened now, or at all. */
  async #attach(found: StoreFileName): Promise<StoreFile | undefined> {
    const [name, catalog] = [formatStoreFileName(found), catalogOf(found)];
    try {
      await this.database.attach(this.#folder.path(name), catalog);
      return await this.#describe(found);
    } catch (error) {
      await this.database.detach(catalog).catch(() => undefined); // it may have come up to its first table
      switch (faultOf(error)) {
        case 'in-use':
          throw new PilotError(
            'store.unavailable',
            'the store is in use by another running deck',
            {},
            { cause: error },
          );
        case 'suspect':
          return this.#rescue(found);
        default:
          this.#onProblem(
            `The store of ${found.day} cannot be opened now and is left as it is: ${(error as Error).message}`,
          );
          return undefined;
      }
    }
  }

  /** What an attached file holds. One that was made and never filled gets its tables. */
  async #describe(found: StoreFileName): Promise<StoreFile> {
    const catalog = catalogOf(found);
    const version = await prepareFile(this.database, catalog);
    if (version > CURRENT_VERSION) {
      throw databaseError(formatStoreFileName(found), 'other', 'a newer version of this program has made it');
    }
    const [row] = await this.database.query(
      `SELECT (SELECT count(*) FROM ${catalog}.spans) AS spans, min(arrived_ns) AS first, max(arrived_ns) AS last
       FROM (SELECT arrived_ns FROM ${catalog}.spans UNION ALL SELECT arrived_ns FROM ${catalog}.logs)`,
    );
    const [first, last] = [row?.first, row?.last];
    return {
      ...found,
      name: formatStoreFileName(found),
      catalog,
      version,
      spans: Number(row?.spans ?? 0),
      arrivals: typeof first === 'bigint' && typeof last === 'bigint' ? { first, last } : undefined,
    };
  }

  async #rescue(found: StoreFileName): Promise<StoreFile | undefined> {
    const [name, catalog] = [formatStoreFileName(found), catalogOf(found)];
    try {
      const lost = await openWithoutDamagedLog(this.database, this.#folder, name, catalog);
      if (lost !== undefined) {
        this.#onProblem(`The store of ${found.day} was damaged: ${lost}. What came before is there`);
        return await this.#describe(found);
      }
      await this.database.attach(this.#folder.path(name), catalog);
      return await this.#replaceBySound(found, await prepareFile(this.database, catalog));
    } catch (error) {
      await this.database.detach(catalog).catch(() => undefined);
      if (faultOf(error) !== 'suspect') throw error;
      const megabytes = ((await this.#folder.size(name)) / 1e6).toFixed(2);
      const aside = await this.#setAside(name, 'unreadable');
      this.#onProblem(`The store of ${found.day} could not be read: its ${megabytes} MB are set aside as ${aside}`);
      return undefined;
    }
  }

  /** Replaces an attached file by a copy of what can be read of it. */
  async #replaceBySound(found: StoreFileName, version: number): Promise<StoreFile> {
    const [name, catalog] = [formatStoreFileName(found), catalogOf(found)];
    const copy = `copy-of-${name}`;
    await this.#remove(copy); // of an attempt that was broken off
    await this.database.attach(this.#folder.path(copy), 'rescued');
    const { lost, all } = await copySoundRows(this.database, catalog, version, 'rescued');
    await this.database.detach('rescued');
    await this.database.detach(catalog);
    const aside = await this.#setAside(name, 'damaged');
    await this.#folder.rename(copy, name);
    await this.database.attach(this.#folder.path(name), catalog);
    const what = `${lost} of ${all} rows could not be read and are not there`;
    this.#onProblem(`The store of ${found.day} was damaged: ${what}. The damaged file is kept as ${aside}`);
    return this.#describe(found);
  }

  async #setAside(name: string, why: 'unreadable' | 'damaged'): Promise<string> {
    const aside = `${name}.${why}-${Date.now()}`;
    await this.#folder.rename(name, aside);
    await this.#folder.rename(`${name}.wal`, `${aside}.wal`).catch(() => undefined); // it need not have one
    return aside;
  }

  async #remove(name: string): Promise<void> {
    await this.#folder.remove(name);
    await this.#folder.remove(`${name}.wal`);
  }

  /** `all_spans` and the like: what is asked of the store is asked of all its files. */
  async #drawViews(): Promise<void> {
    const memory = { catalog: 'memory', version: CURRENT_VERSION };
    for (const table of TABLE_NAMES) {
      const parts = [memory, ...this.#files].flatMap(({ catalog, version }) =>
        tablesOf(version).includes(table) ? [readingOf(catalog, table, version)] : [],
      );
      await this.database.run(`CREATE OR REPLACE VIEW memory.all_${table} AS ${parts.join(' UNION ALL ')}`);
    }
  }
}
