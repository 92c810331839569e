import type { Append, Cell, Database, Row } from '../../base/database.ts';
import { PilotError } from '../../base/errors.ts';
import INITIAL from './migrations/0001-spans-logs-joins.sql?raw';
import { type CellsOf, TABLES, type TableName } from './store-rows.ts';

/** The folder the files of the days are in. */
export interface StoreFolder {
  /** Names of the files that are there. */
  list(): Promise<string[]>;
  path(name: string): string;
  /** Bytes of a file and what belongs to it. */
  size(name: string): Promise<number>;
  remove(name: string): Promise<void>;
  /** Puts an unreadable file out of the way, and says where. */
  setAside(name: string): Promise<string>;
}

export interface StoreLimits {
  readonly capBytes: number;
  readonly days: number;
}

/** What one batch adds to each table. */
export type DayRows = { readonly [Name in TableName]?: readonly CellsOf<Name>[] };

const DAY_FILE = /^day-(\d{4}-\d{2}-\d{2})\.duckdb$/;
const MIGRATIONS: readonly string[] = [INITIAL];
const TABLE_NAMES = Object.keys(TABLES) as TableName[];

/**
 * One database file for each UTC day of arrival, asked as if they were one. Rows of a file are never deleted, as that
 * does not make it smaller: days are dropped whole. Changes are made one after another.
 */
export class StoreDays {
  readonly #database: Database;
  readonly #folder: StoreFolder;
  readonly #limits: StoreLimits;
  readonly #days = new Set<string>();
  #lastChange: Promise<unknown> = Promise.resolve();

  private constructor(database: Database, folder: StoreFolder, limits: StoreLimits) {
    this.#database = database;
    this.#folder = folder;
    this.#limits = limits;
  }

  /**
   * Opens all days that are there. One that cannot be read is set aside, and `onProblem` hears of it.
   *
   * @throws PilotError `store.unavailable` when another process has the files.
   */
  static async open(
    database: Database,
    folder: StoreFolder,
    limits: StoreLimits,
    today: string,
    onProblem: (text: string) => void,
  ): Promise<StoreDays> {
    const days = new StoreDays(database, folder, limits);
    const names = (await folder.list()).sort();
    for (const name of names) {
      const day = DAY_FILE.exec(name)?.[1];
      if (day !== undefined) await days.#attachOrSetAside(day, onProblem);
    }
    await days.#ensureDay(today);
    return days;
  }

  query(sql: string, parameters?: readonly Cell[]): Promise<readonly Row[]> {
    return this.#database.query(sql, parameters);
  }

  /** Appends to a day in one transaction: all of it is on disk when this resolves, or nothing. */
  append(day: string, rows: DayRows): Promise<void> {
    const appends = TABLE_NAMES.flatMap((table): Append[] => {
      const ofTable = rows[table] ?? [];
      return ofTable.length === 0 ? [] : [{ table, columns: TABLES[table], rows: ofTable }];
    });
    if (appends.length === 0) return Promise.resolve();
    return this.#change(async () => {
      await this.#ensureDay(day);
      await this.#database.append(nameOf(day), appends);
    });
  }

  async bytes(): Promise<number> {
    const sizes = await Promise.all([...this.#days].map((day) => this.#folder.size(fileOf(day))));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Drops days that are too old, then the oldest while there is too much. Today stays. Returns what went. */
  retain(today: string): Promise<string[]> {
    return this.#change(async () => {
      await this.#ensureDay(today);
      const days = [...this.#days].sort();
      const dropped: string[] = [];
      for (const day of days.filter((other) => other < today)) {
        const tooOld = daysBetween(day, today) >= this.#limits.days;
        if (!tooOld && (await this.bytes()) <= this.#limits.capBytes) break;
        await this.#dropDay(day);
        dropped.push(day);
      }
      return dropped;
    });
  }

  async close(): Promise<void> {
    await this.#change(async () => this.#database.close());
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(work, work);
    this.#lastChange = done.catch(() => undefined);
    return done;
  }

  async #attachOrSetAside(day: string, onProblem: (text: string) => void): Promise<void> {
    try {
      await this.#attach(day);
    } catch (error) {
      if (/lock/i.test(String(error))) throw inUse(error); // another deck has it: its data is not ours to move
      await this.#database.detach(nameOf(day)).catch(() => undefined); // it may have come up to its first table
      const aside = await this.#folder.setAside(fileOf(day));
      onProblem(`The store of ${day} could not be read and is set aside as ${aside}`);
    }
  }

  async #ensureDay(day: string): Promise<void> {
    if (!this.#days.has(day)) await this.#attach(day);
  }

  async #attach(day: string): Promise<void> {
    const name = nameOf(day);
    await this.#database.attach(this.#folder.path(fileOf(day)), name);
    await this.#migrate(name);
    this.#days.add(day);
    await this.#drawViews();
  }

  async #migrate(name: string): Promise<void> {
    await this.#database.run(`CREATE TABLE IF NOT EXISTS ${name}.schema_version (version INTEGER NOT NULL)`);
    const [row] = await this.#database.query(`SELECT coalesce(max(version), 0) AS version FROM ${name}.schema_version`);
    for (const [index, sql] of MIGRATIONS.entries()) {
      if (index < Number(row?.version ?? 0)) continue;
      const version = `INSERT INTO schema_version VALUES (${index + 1})`;
      await this.#database.run(`USE ${name}; BEGIN; ${sql}; ${version}; COMMIT; USE memory;`);
    }
  }

  async #dropDay(day: string): Promise<void> {
    this.#days.delete(day);
    await this.#drawViews();
    await this.#database.detach(nameOf(day));
    await this.#folder.remove(fileOf(day));
  }

  /** `all_spans` and the like: what is asked of the store is asked of all its days. */
  async #drawViews(): Promise<void> {
    for (const table of TABLE_NAMES) {
      const parts = [...this.#days].sort().map((day) => `SELECT * FROM ${nameOf(day)}.${table}`);
      await this.#database.run(`CREATE OR REPLACE VIEW memory.all_${table} AS ${parts.join(' UNION ALL ')}`);
    }
  }
}

function inUse(cause: unknown): PilotError {
  return new PilotError('store.unavailable', 'the store is in use by another running deck', {}, { cause });
}

function fileOf(day: string): string {
  return `day-${day}.duckdb`;
}

function nameOf(day: string): string {
  return `day_${day.replaceAll('-', '_')}`;
}

function daysBetween(earlier: string, later: string): number {
  return (Date.parse(later) - Date.parse(earlier)) / 86_400_000;
}
