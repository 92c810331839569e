import { type Database, faultOf } from '../../base/database.ts';
import { prepareFile, tablesOf } from './file-schema.ts';
import type { StoreFolder } from './store-folder.ts';

/** Rows of one row group: what is stored together, and read together where nothing is damaged. */
export const ROWS_OF_A_GROUP = 122_880;
/** Fewer rows than this share one block: either all of them can be read, or none. */
const ROWS_AT_LEAST = 2_048;
const MB = 1e6;

/**
 * Opens a file whose log is damaged: with as much of the log as can be replayed, or without it. What is cut off is kept
 * beside it, for a person to look at.
 *
 * @returns What was lost, in words; undefined when it is not the log, and nothing was changed.
 */
export async function openWithoutDamagedLog(
  database: Database,
  folder: StoreFolder,
  name: string,
  catalog: string,
): Promise<string | undefined> {
  const log = `${name}.wal`;
  const whole = await folder.size(log);
  if (whole === 0) return undefined;
  const aside = `${log}.damaged-${Date.now()}`;
  await folder.rename(log, aside);
  if (!(await canBeRead(database, folder, name, catalog))) {
    await folder.rename(aside, log);
    return undefined;
  }
  let [sound, unsound] = [0, whole];
  while (unsound - sound > 4_096) {
    const middle = Math.floor((sound + unsound) / 2);
    await folder.copyHead(aside, log, middle);
    if (await canBeRead(database, folder, name, catalog)) sound = middle;
    else unsound = middle;
  }
  await folder.copyHead(aside, log, sound);
  await database.attach(folder.path(name), catalog);
  const lost = ((whole - sound) / MB).toFixed(2);
  return `the last ${lost} MB of its log were damaged and are not there; they are kept as ${aside}`;
}

async function canBeRead(database: Database, folder: StoreFolder, name: string, catalog: string): Promise<boolean> {
  try {
    await database.attach(folder.path(name), catalog, 'read');
    await database.detach(catalog);
    return true;
  } catch {
    return false;
  }
}

/** Reads all of a file. Returns false when some of it is damaged. */
export async function isSound(database: Database, catalog: string, version: number): Promise<boolean> {
  try {
    for (const table of tablesOf(version)) await database.query(`SELECT bit_xor(hash(t)) FROM ${catalog}.${table} t`);
    return true;
  } catch (error) {
    if (faultOf(error) === 'suspect') return false;
    throw error;
  }
}

/**
 * Copies what can be read of an attached file into another, group by group and, where that fails, in smaller pieces.
 *
 * @returns How many rows could not be read, of how many.
 */
export async function copySoundRows(
  database: Database,
  from: string,
  version: number,
  to: string,
): Promise<{ readonly lost: number; readonly all: number }> {
  await prepareFile(database, to, version);
  let [lost, all] = [0, 0];
  for (const table of tablesOf(version)) {
    const [counted] = await database.query(`SELECT count(*) AS n FROM ${from}.${table}`);
    const rows = Number(counted?.n ?? 0);
    all += rows;
    for (let at = 0; at < rows; at += ROWS_OF_A_GROUP) {
      lost += await copyRange(database, `${from}.${table}`, `${to}.${table}`, at, Math.min(at + ROWS_OF_A_GROUP, rows));
    }
  }
  await database.run(`CHECKPOINT ${to}`);
  return { lost, all };
}

/** Rows are never deleted, so their ids run without a gap. */
async function copyRange(database: Database, from: string, to: string, first: number, end: number): Promise<number> {
  try {
    await database.run(`INSERT INTO ${to} SELECT * FROM ${from} WHERE rowid >= ${first} AND rowid < ${end}`);
    return 0;
  } catch (error) {
    if (faultOf(error) !== 'suspect') throw error;
    if (end - first <= ROWS_AT_LEAST) return end - first;
    const half = Math.ceil((end - first) / 2 / ROWS_AT_LEAST) * ROWS_AT_LEAST;
    const middle = first + half;
    const before = await copyRange(database, from, to, first, middle);
    return before + (await copyRange(database, from, to, middle, end));
  }
}
