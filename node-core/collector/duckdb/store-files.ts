import type { Clock } from '../../base/clock.ts';
import { type Append, type Cell, type Database, databaseError, faultOf, type Row } from '../../base/database.ts';
import { PilotError } from '../../base/errors.ts';
import { AttachedFiles, type StoreFile } from './attached-files.ts';
import { CURRENT_VERSION, TABLE_NAMES } from './file-schema.ts';
import { OpenFile } from './open-file.ts';
import { filesToDrop, type StoreLimits } from './retention.ts';
import { dayOf } from './store-file.ts';
import type { StoreFolder } from './store-folder.ts';
import { type CellsOf, TABLES, type TableName } from './store-rows.ts';

export interface StoreFilesOptions {
  /** Opens a new instance of the database; the one before is closed by then. */
  readonly openDatabase: () => Promise<Database>;
  readonly folder: StoreFolder;
  readonly limits: StoreLimits;
  readonly clock: Clock;
  readonly onProblem: (text: string) => void;
}

/** What one batch adds to each table. Rows are made as they are written. */
export type NewRows = { readonly [Name in Exclude<TableName, 'texts'>]?: Iterable<CellsOf<Name>> } & {
  /** Texts that the rows name by their keys. */
  readonly texts?: ReadonlyMap<string, string>;
};

/** What was written to one table. */
interface Written {
  readonly table: TableName;
  rows: number;
  bytes: number;
}

const RETRY_CHECKPOINT_MS = 30_000;
/** A clock that goes back and forth between days finds its file again among so many. */
const FILES_FOR_A_DAY = 4;
/** How soon an instance is opened again because of a read, and the files are searched for damage again. */
const REOPEN_AGAIN_MS = 10_000;
const SEARCH_AGAIN_MS = 600_000;
const MOST_READ_ATTEMPTS = 3;

/**
 * The files of the store, asked as if they were one. A file holds what arrived on one UTC day, or some of it, and is never
 * changed but by appending: to make room, whole files are dropped. Changes are made one after another.
 *
 * An instance of the database that does not answer any more, as after a failed checkpoint or a fatal error, is closed and
 * opened again; what asks meanwhile waits for it.
 */
export class StoreFiles {
  readonly #options: StoreFilesOptions;
  readonly #full = new Set<string>();
  /** Files whose checkpoint failed. */
  readonly #behind = new Set<string>();
  /** Absent when it could not be opened again. */
  #attached: AttachedFiles | undefined;
  #open: OpenFile | undefined;
  #lastChange: Promise<unknown> = Promise.resolve();
  #reopening: Promise<void> | undefined;
  #reads = 0;
  #whenIdle: () => void = () => {};
  #checkpointNotBefore = Number.NEGATIVE_INFINITY;
  #reopenNotBefore = Number.NEGATIVE_INFINITY;
  #searchNotBefore = Number.NEGATIVE_INFINITY;
  #closed = false;

  private constructor(options: StoreFilesOptions) {
    this.#options = options;
  }

  /**
   * Opens all files that are there.
   *
   * @throws PilotError `store.unavailable` when another process has the files.
   */
  static async open(options: StoreFilesOptions): Promise<StoreFiles> {
    const files = new StoreFiles(options);
    const attached = await files.#openAll();
    await files.#openFile(attached).catch(ignoreUnlessInUse); // a file that is open tells other processes that we are here
    return files;
  }

  get spanCount(): number {
    return (this.#attached?.files ?? []).reduce((sum, { spans }) => sum + spans, 0);
  }

  /** @throws PilotError `store.unavailable` */
  async query(sql: string, parameters?: readonly Cell[]): Promise<readonly Row[]> {
    for (let attempt = 1; ; attempt++) {
      while (this.#reopening !== undefined) await this.#reopening;
      const attached = this.#attached ?? (await this.#change(() => this.#ready()));
      try {
        return await this.#reading(() => attached.database.query(sql, parameters));
      } catch (error) {
        if (attempt === MOST_READ_ATTEMPTS || faultOf(error) !== 'suspect') throw error;
        if (!(await this.#change(() => this.#mend(attached, attempt > 1)))) throw error;
      }
    }
  }

  /**
   * Appends in one transaction: all of it is on disk when this resolves, or nothing.
   *
   * @throws PilotError `store.unavailable`, also when the disk has too little room.
   */
  append(rows: NewRows): Promise<void> {
    if (appendsOf({ ...rows, texts: [] }, []).length === 0) return Promise.resolve();
    return this.#change(async () => {
      await this.#checkRoom();
      await this.#startAnewIfGone();
      const attached = await this.#ready();
      const open = await this.#openFile(attached);
      const texts = open.missing(rows.texts ?? new Map());
      const written: Written[] = [];
      try {
        await attached.database.append(open.file.catalog, appendsOf({ ...rows, texts }, written));
      } catch (error) {
        if (!(await attached.answer())) await this.#reopen();
        throw error;
      }
      open.noteTexts(texts);
      this.#noteArrival(open, written);
      await this.#checkpoint(attached, open.file);
    });
  }

  async bytes(): Promise<number> {
    const attached = this.#attached;
    const sizes = await Promise.all((attached?.files ?? []).map((file) => attached?.bytesOf(file) ?? 0));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Drops the oldest files beyond the limits. Returns the days that are gone, or smaller now. */
  retain(): Promise<string[]> {
    return this.#change(async () => {
      const attached = await this.#ready();
      const kept = attached.files.map(async (file) => ({ ...file, bytes: await attached.bytesOf(file) }));
      const dropped = await attached.dropFirst(filesToDrop(await Promise.all(kept), this.#options.limits));
      return [...new Set(dropped.map(({ day }) => day))];
    });
  }

  async close(): Promise<void> {
    await this.#change(async () => {
      this.#closed = true;
      await this.#exclusively(async () => {
        this.#attached?.database.close();
        this.#attached = undefined;
      });
    });
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(work, work);
    this.#lastChange = done.catch(() => undefined);
    return done;
  }

  async #reading<T>(read: () => Promise<T>): Promise<T> {
    this.#reads += 1;
    try {
      return await read();
    } finally {
      this.#reads -= 1;
      if (this.#reads === 0) this.#whenIdle();
    }
  }

  async #openAll(): Promise<AttachedFiles> {
    const { openDatabase, folder, onProblem } = this.#options;
    const database = await openDatabase();
    try {
      const attached = await AttachedFiles.open(database, folder, onProblem);
      await database.sweep();
      this.#attached = attached;
      return attached;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  async #ready(): Promise<AttachedFiles> {
    if (this.#closed) throw new PilotError('store.unavailable', 'the store is closed');
    return this.#attached ?? (await this.#openAll());
  }

  /** What is appended to a file that somebody has removed is in no file. */
  async #startAnewIfGone(): Promise<void> {
    const { folder, onProblem } = this.#options;
    if (this.#open === undefined || (await folder.size(this.#open.file.name)) > 0) return;
    onProblem('Files of the store were removed while they were open: what they held is gone, and new ones are made');
    await this.#reopen();
  }

  async #checkRoom(): Promise<void> {
    const { folder, limits } = this.#options;
    const free = await folder.freeBytes();
    if (free >= limits.leastFreeBytes) return;
    const [has, needs] = [free, limits.leastFreeBytes].map((bytes) => Math.floor(bytes / 1e6));
    throw databaseError('nothing is stored', 'no-space', `the disk has ${has} MB left, and ${needs} MB are kept free`);
  }

  /** The file that is appended to now; a new one when there is none for today that has room. */
  async #openFile(attached: AttachedFiles): Promise<OpenFile> {
    const day = dayOf(this.#options.clock.now().unixNano);
    if (this.#open?.isWide) this.#full.add(this.#open.file.name);
    for (const file of attached.files.slice(-FILES_FOR_A_DAY).reverse()) {
      if (file.day !== day || file.version < CURRENT_VERSION || (await this.#isFull(attached, file))) continue;
      if (this.#open?.file !== file) this.#open = await OpenFile.read(attached.database, file);
      return this.#open;
    }
    this.#open = await OpenFile.read(attached.database, await attached.create(day));
    return this.#open;
  }

  async #isFull(attached: AttachedFiles, file: StoreFile): Promise<boolean> {
    if (this.#full.has(file.name)) return true;
    if ((await attached.bytesOf(file)) < this.#options.limits.bytesOfAFile) return false;
    this.#full.add(file.name);
    return true;
  }

  #noteArrival(open: OpenFile, written: readonly Written[]): void {
    const now = this.#options.clock.now().unixNano;
    const { first, last } = open.file.arrivals ?? { first: now, last: now };
    if (now < first || now > last || open.file.arrivals === undefined) {
      open.file.arrivals = now < first ? { first: now, last } : { first, last: now };
    }
    for (const { table, rows, bytes } of written) {
      if (table === 'spans') open.file.spans += rows;
      open.noteRows(table, rows, bytes);
    }
  }

  /** What commits have put into the log moves into the file. It may fail: what is in the log is safe there. */
  async #checkpoint(attached: AttachedFiles, file: StoreFile): Promise<void> {
    const { clock, limits, onProblem } = this.#options;
    const now = clock.now().monotonicMs;
    if (now < this.#checkpointNotBefore) return;
    for (const { name, catalog } of [file, ...attached.files.filter(({ name }) => this.#behind.has(name))]) {
      if ((await attached.logBytesOf(name)) < limits.bytesOfALog) continue;
      try {
        await attached.database.run(`CHECKPOINT ${catalog}`);
        this.#behind.delete(name);
      } catch (error) {
        this.#checkpointNotBefore = now + RETRY_CHECKPOINT_MS;
        if (!this.#behind.has(name)) {
          onProblem(`The log of the store could not be taken over, which is tried again: ${(error as Error).message}`);
        }
        this.#behind.add(name);
        if (faultOf(error) !== 'no-space') this.#full.add(name); // what comes next is not put behind what cannot be taken over
        if (!(await attached.answer())) await this.#reopen();
        return;
      }
    }
  }

  /**
   * After a failed read: opens the instance again or, when that did not help, looks for damage and mends it. Returns false
   * when neither is due.
   */
  async #mend(attached: AttachedFiles, search: boolean): Promise<boolean> {
    if (this.#attached !== attached) return true;
    const now = this.#options.clock.now().monotonicMs;
    if (search && now >= this.#searchNotBefore) {
      this.#searchNotBefore = now + SEARCH_AGAIN_MS;
      this.#open = undefined;
      await this.#exclusively(() => attached.mend());
      return true;
    }
    if (now < this.#reopenNotBefore) return false;
    this.#reopenNotBefore = now + REOPEN_AGAIN_MS;
    await this.#reopen();
    return true;
  }

  /** Leaves nothing open when it fails; the next who asks tries again. */
  async #reopen(): Promise<void> {
    await this.#exclusively(async () => {
      this.#attached?.database.close();
      this.#attached = undefined;
      this.#open = undefined;
      if (!this.#closed) await this.#openAll();
    });
  }

  /** Holds new reads back, waits for those under way, and does what none may see. */
  async #exclusively(work: () => Promise<void>): Promise<void> {
    let done: () => void = () => {};
    this.#reopening = new Promise((resolve) => {
      done = resolve;
    });
    try {
      if (this.#reads > 0) {
        await new Promise<void>((resolve) => {
          this.#whenIdle = resolve;
        });
      }
      await work();
    } finally {
      this.#reopening = undefined;
      done();
    }
  }
}

/** A store that cannot write now is read all the same. */
function ignoreUnlessInUse(error: unknown): void {
  if (faultOf(error) === 'in-use') throw error;
}

type RowsByTable = { readonly [Name in TableName]?: Iterable<CellsOf<Name>> };

/** The appends for the tables that have rows. `written` says how much they were, once they are written. */
function appendsOf(rows: RowsByTable, written: Written[]): Append[] {
  return TABLE_NAMES.flatMap((table) => {
    const cells: Iterable<Readonly<Record<string, Cell>>> | undefined = rows[table];
    if (cells === undefined || (Array.isArray(cells) && cells.length === 0)) return [];
    const count = { table, rows: 0, bytes: 0 };
    written.push(count);
    return [{ table, columns: TABLES[table], rows: counted(cells, count) }];
  });
}

function* counted(rows: Iterable<Readonly<Record<string, Cell>>>, count: Written) {
  for (const row of rows) {
    count.rows += 1;
    count.bytes += String(row.rest ?? row.record ?? '').length;
    yield row;
  }
}
