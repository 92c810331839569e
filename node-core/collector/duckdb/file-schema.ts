import type { Database } from '../../base/database.ts';
import INITIAL from './migrations/0001-spans-logs-joins.sql?raw';
import TEXTS_BY_KEY from './migrations/0002-texts-by-key.sql?raw';
import { TABLES, type TableName } from './store-rows.ts';

const MIGRATIONS: readonly string[] = [INITIAL, TEXTS_BY_KEY];

/** The version that files are made with. Those of before keep theirs and are only read. */
export const CURRENT_VERSION = MIGRATIONS.length;
export const TABLE_NAMES = Object.keys(TABLES) as TableName[];

/** Columns that are read beside those of `TABLES`: texts that a row has itself, in files of version 1. */
const OWN_TEXTS = ['resource', 'scope'] as const;
const WITH_TEXTS: readonly TableName[] = ['spans', 'logs'];

/** Makes the tables of a file that has none yet, in one transaction. Returns the version it has now. */
export async function prepareFile(database: Database, catalog: string, version = CURRENT_VERSION): Promise<number> {
  await database.run(`CREATE TABLE IF NOT EXISTS ${catalog}.schema_version (version INTEGER NOT NULL)`);
  const known = await versionOf(database, catalog);
  if (known > 0) return known;
  const sql = MIGRATIONS.slice(0, version).join(';');
  await database.run(
    `USE ${catalog}; BEGIN; ${sql}; INSERT INTO schema_version VALUES (${version}); COMMIT; USE memory;`,
  );
  return version;
}

/** 0 when the file has no tables. */
export async function versionOf(database: Database, catalog: string): Promise<number> {
  const [row] = await database.query(`SELECT coalesce(max(version), 0) AS version FROM ${catalog}.schema_version`);
  return Number(row?.version ?? 0);
}

/** The tables that a file of a version has. */
export function tablesOf(version: number): readonly TableName[] {
  return version === 1 ? TABLE_NAMES.filter((table) => table !== 'texts') : TABLE_NAMES;
}

/** A table of a file as the newest version shows it; of spans also where each row is. */
export function readingOf(catalog: string, table: TableName, version: number): string {
  const columns = Object.keys(TABLES[table]).map((name) => (version === 1 ? inVersion1(table, name) : name));
  const texts = WITH_TEXTS.includes(table) ? OWN_TEXTS.map((name) => (version === 1 ? name : `NULL AS ${name}`)) : [];
  const place = table === 'spans' ? [`'${catalog}' AS file`, 'rowid AS row_id'] : [];
  return `SELECT ${[...columns, ...texts, ...place].join(', ')} FROM ${catalog}.${table}`;
}

function inVersion1(table: TableName, column: string): string {
  const isNew = column === 'scope_key' || (table === 'logs' && column === 'resource_key');
  return isNew ? `'' AS ${column}` : column;
}
