import type { Database } from '../../base/database.ts';
import type { StoreFile } from './attached-files.ts';
import { ROWS_OF_A_GROUP } from './file-rescue.ts';
import type { TableName } from './store-rows.ts';

/** The column of a table that has most of its bytes. */
const WIDE_COLUMNS = { spans: 'rest', logs: 'record' } as const;
type WideTable = keyof typeof WIDE_COLUMNS;
const WIDE_TABLES = Object.keys(WIDE_COLUMNS) as WideTable[];

/** A checkpoint has the last row group of a table in memory, which must stay well within the database's limit. */
const MOST_BYTES_OF_A_GROUP = 128 * 1024 * 1024;
const MOST_KEYS = 50_000;

interface Group {
  rows: number;
  bytes: number;
}

/** What must be known of a file in order to append to it: the texts it has, and how much its last row groups hold. */
export class OpenFile {
  readonly file: StoreFile;
  readonly #keys: Set<string>;
  readonly #groups: Readonly<Record<WideTable, Group>>;

  private constructor(file: StoreFile, keys: Set<string>, groups: Readonly<Record<WideTable, Group>>) {
    this.file = file;
    this.#keys = keys;
    this.#groups = groups;
  }

  static async read(database: Database, file: StoreFile): Promise<OpenFile> {
    const keys = await database.query(`SELECT DISTINCT key FROM ${file.catalog}.texts LIMIT ${MOST_KEYS}`);
    const groups = { spans: { rows: 0, bytes: 0 }, logs: { rows: 0, bytes: 0 } };
    for (const table of WIDE_TABLES) {
      const from = `FROM ${file.catalog}.${table}`;
      const [row] = await database.query(
        `SELECT count(*) AS rows, coalesce(sum(strlen(${WIDE_COLUMNS[table]})), 0) AS bytes ${from}
         WHERE rowid >= (SELECT count(*) // ${ROWS_OF_A_GROUP} * ${ROWS_OF_A_GROUP} ${from})`,
      );
      groups[table] = { rows: Number(row?.rows ?? 0), bytes: Number(row?.bytes ?? 0) };
    }
    return new OpenFile(file, new Set(keys.map(({ key }) => String(key))), groups);
  }

  /** Wide rows fill a row group long before they are many. */
  get isWide(): boolean {
    return WIDE_TABLES.some((table) => this.#groups[table].bytes >= MOST_BYTES_OF_A_GROUP);
  }

  /** Those of some texts that are not in the file, as far as is remembered. */
  missing(texts: ReadonlyMap<string, string>): { readonly key: string; readonly text: string }[] {
    return [...texts].flatMap(([key, text]) => (this.#keys.has(key) ? [] : [{ key, text }]));
  }

  noteTexts(texts: Iterable<{ readonly key: string }>): void {
    for (const { key } of texts) if (this.#keys.size < MOST_KEYS) this.#keys.add(key);
  }

  noteRows(table: TableName, rows: number, bytes: number): void {
    if (table !== 'spans' && table !== 'logs') return;
    const group = this.#groups[table];
    const begun = group.rows + rows >= ROWS_OF_A_GROUP;
    group.rows = (group.rows + rows) % ROWS_OF_A_GROUP;
    group.bytes = begun ? bytes : group.bytes + bytes;
  }
}
