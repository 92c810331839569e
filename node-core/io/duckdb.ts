import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type DuckDBAppender, type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import {
  type Append,
  type Cell,
  type ColumnType,
  type Database,
  type DatabaseFault,
  databaseError,
  type Row,
} from '../base/database.ts';

export interface DuckdbOptions {
  /** A folder for what does not fit into memory, in which each instance has its own. */
  readonly spillFolder: string;
  readonly memoryLimit: string;
  readonly threads: number;
}

/** An append hands its rows over, and lets others have the thread, whenever so much text has come together. */
const FLUSH_BYTES = 4 * 1024 * 1024;
/** What queries may lay out on disk, so that none of them fills it. */
const MOST_SPILLED = '2GB';
/** Checkpoints are for the owner of the files to order, where one that fails can be told from a commit that fails. */
const NEVER = '1TB';

/**
 * One DuckDB instance with files attached to it. Writes and reads have a connection each, so that a long query does not
 * hold an append. A failed checkpoint makes a file, and a fatal error the whole instance, useless until it is opened again.
 */
export class Duckdb implements Database {
  readonly #instance: DuckDBInstance;
  readonly #writer: DuckDBConnection;
  readonly #reader: DuckDBConnection;
  readonly #spill: string;

  private constructor(instance: DuckDBInstance, writer: DuckDBConnection, reader: DuckDBConnection, spill: string) {
    this.#instance = instance;
    this.#writer = writer;
    this.#reader = reader;
    this.#spill = spill;
  }

  static async open(options: DuckdbOptions): Promise<Duckdb> {
    const spill = join(options.spillFolder, randomUUID());
    await mkdir(spill, { recursive: true, mode: 0o700 }).catch(() => undefined); // on a full disk it is made when it is needed
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit,
      threads: String(options.threads),
      temp_directory: spill,
      max_temp_directory_size: MOST_SPILLED,
      checkpoint_threshold: NEVER,
      errors_as_json: 'true',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return new Duckdb(instance, await instance.connect(), await instance.connect(), spill);
  }

  async attach(path: string, name: string, access: 'read' | 'write' = 'write'): Promise<void> {
    const option = access === 'read' ? ' (READ_ONLY)' : '';
    await this.#write(`cannot open ${path}`, `ATTACH '${path.replaceAll("'", "''")}' AS ${name}${option}`);
  }

  async detach(name: string): Promise<void> {
    await this.#write(`cannot close ${name}`, `DETACH ${name}`);
  }

  async run(sql: string): Promise<void> {
    await this.#write('a change failed', sql);
  }

  async query(sql: string, parameters: readonly Cell[] = []): Promise<Row[]> {
    try {
      const reader = await this.#reader.runAndReadAll(sql, [...parameters]);
      return reader.getRowObjects();
    } catch (cause) {
      throw translated('a query failed', cause);
    }
  }

  async append(database: string, appends: readonly Append[]): Promise<void> {
    await this.run('BEGIN');
    try {
      for (const append of appends) await this.#appendRows(database, append);
      await this.#writer.run('COMMIT');
    } catch (cause) {
      await this.#writer.run('ROLLBACK').catch(() => undefined); // a failed commit has ended the transaction already
      throw translated('rows were not stored', cause);
    }
  }

  async sweep(): Promise<void> {
    const [parent, own] = [dirname(this.#spill), basename(this.#spill)];
    const left = (await readdir(parent).catch(() => [])).filter((name) => name !== own);
    for (const name of left) await rm(join(parent, name), { recursive: true, force: true });
  }

  close(): void {
    this.#reader.closeSync();
    this.#writer.closeSync();
    this.#instance.closeSync();
  }

  async #write(what: string, sql: string): Promise<void> {
    try {
      await this.#writer.run(sql);
    } catch (cause) {
      throw translated(what, cause);
    }
  }

  /** The appender is closed before the commit: what it still holds would not be in it. */
  async #appendRows(database: string, { table, columns, rows }: Append): Promise<void> {
    const appender = await this.#writer.createAppender(table, 'main', database);
    const cells = Object.entries(columns);
    let bytes = 0;
    try {
      for (const row of rows) {
        for (const [name, type] of cells) bytes += appendCell(appender, type, row[name] ?? null);
        appender.endRow();
        if (bytes < FLUSH_BYTES) continue;
        appender.flushSync();
        bytes = 0;
        await new Promise(setImmediate);
      }
    } finally {
      appender.closeSync();
    }
  }
}

/** Appends one cell, and says about how many bytes it has. */
function appendCell(appender: DuckDBAppender, type: ColumnType, cell: Cell): number {
  if (cell === null) appender.appendNull();
  else if (type === 'VARCHAR') {
    appender.appendVarchar(String(cell));
    return String(cell).length;
  } else if (type === 'UBIGINT') appender.appendUBigInt(BigInt(cell));
  else if (type === 'BIGINT') appender.appendBigInt(BigInt(cell));
  else if (type === 'UINTEGER') appender.appendUInteger(Number(cell));
  else if (type === 'INTEGER') appender.appendInteger(Number(cell));
  else appender.appendBoolean(cell === true);
  return 8;
}

const { errno } = constants;
const FAULTS_BY_ERRNO = new Map<number, DatabaseFault>([
  [errno.EAGAIN, 'in-use'], // a lock of another process
  [errno.ENOSPC, 'no-space'],
  [errno.EDQUOT, 'no-space'],
  [errno.EFBIG, 'no-space'],
  [errno.EACCES, 'no-access'],
  [errno.EPERM, 'no-access'],
  [errno.EROFS, 'no-access'],
  [errno.ENOENT, 'no-access'],
  [errno.EMFILE, 'no-access'],
  [errno.ENFILE, 'no-access'],
  [errno.EIO, 'suspect'],
]);
/** By DuckDB's class of exception. One of input and output without a number is about what a file holds. */
const FAULTS_BY_TYPE: Readonly<Record<string, DatabaseFault>> = {
  IO: 'suspect',
  FATAL: 'suspect',
  INTERNAL: 'suspect',
  Serialization: 'suspect',
  'Out of Memory': 'no-memory',
};

/** DuckDB's error as JSON, which `errors_as_json` asks for: its class, its words and, of a system call, the number. */
function translated(what: string, cause: unknown): Error {
  const text = cause instanceof Error ? cause.message : String(cause);
  const { exception_type = '', exception_message = text, errno: number } = parseError(text);
  const fault = FAULTS_BY_ERRNO.get(Number(number)) ?? FAULTS_BY_TYPE[exception_type] ?? 'other';
  return databaseError(what, fault, exception_message.split('\n', 1)[0] ?? '', cause);
}

/** A prefix may stand before the JSON; an appender's errors are plain. */
function parseError(text: string): Readonly<Record<string, string | undefined>> {
  try {
    return JSON.parse(text.slice(text.indexOf('{')));
  } catch {
    return {};
  }
}
