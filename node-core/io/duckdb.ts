import { type DuckDBAppender, type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Append, Cell, ColumnType, Database, Row } from '../base/database.ts';
import { PilotError } from '../base/errors.ts';

/**
 * One DuckDB instance with files attached to it. Writes and reads have a connection each, so that a long query does not
 * hold an append. Appending is synchronous and can take 100 ms: keep it off busy threads.
 */
export class Duckdb implements Database {
  readonly #instance: DuckDBInstance;
  readonly #writer: DuckDBConnection;
  readonly #reader: DuckDBConnection;

  private constructor(instance: DuckDBInstance, writer: DuckDBConnection, reader: DuckDBConnection) {
    this.#instance = instance;
    this.#writer = writer;
    this.#reader = reader;
  }

  static async open(options: { readonly memoryLimit: string; readonly threads: number }): Promise<Duckdb> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit,
      threads: String(options.threads),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return new Duckdb(instance, await instance.connect(), await instance.connect());
  }

  /** @throws PilotError `store.unavailable` when the file is locked by another process, or is no database. */
  async attach(path: string, name: string): Promise<void> {
    try {
      await this.run(`ATTACH '${path.replaceAll("'", "''")}' AS ${name}`);
    } catch (cause) {
      throw new PilotError('store.unavailable', `cannot open ${path}: ${(cause as Error).message}`, {}, { cause });
    }
  }

  async detach(name: string): Promise<void> {
    await this.run(`DETACH ${name}`);
  }

  /** Runs statements that change something. Not while another change is under way. */
  async run(sql: string): Promise<void> {
    await this.#writer.run(sql);
  }

  /** @throws PilotError `store.unavailable` when the query fails. */
  async query(sql: string, parameters: readonly Cell[] = []): Promise<Row[]> {
    try {
      const reader = await this.#reader.runAndReadAll(sql, [...parameters]);
      return reader.getRowObjects();
    } catch (cause) {
      throw new PilotError('store.unavailable', `a query failed: ${(cause as Error).message}`, {}, { cause });
    }
  }

  /**
   * Appends to tables of one file in one transaction. Each Appender is closed before the commit, and what is committed
   * survives a kill. Not while another change is under way.
   */
  async append(database: string, appends: readonly Append[]): Promise<void> {
    await this.#writer.run('BEGIN');
    try {
      for (const append of appends) await this.#appendRows(database, append);
      await this.#writer.run('COMMIT');
    } catch (cause) {
      await this.#writer.run('ROLLBACK').catch(() => undefined); // the transaction may be over already
      throw new PilotError('store.unavailable', `rows were not stored: ${(cause as Error).message}`, {}, { cause });
    }
  }

  close(): void {
    this.#reader.closeSync();
    this.#writer.closeSync();
    this.#instance.closeSync();
  }

  async #appendRows(database: string, { table, columns, rows }: Append): Promise<void> {
    const appender = await this.#writer.createAppender(table, 'main', database);
    const cells = Object.entries(columns);
    try {
      for (const row of rows) {
        for (const [name, type] of cells) appendCell(appender, type, row[name] ?? null);
        appender.endRow();
      }
    } finally {
      appender.closeSync();
    }
  }
}

function appendCell(appender: DuckDBAppender, type: ColumnType, cell: Cell): void {
  if (cell === null) return appender.appendNull();
  switch (type) {
    case 'VARCHAR':
      return appender.appendVarchar(String(cell));
    case 'UBIGINT':
      return appender.appendUBigInt(BigInt(cell));
    case 'BIGINT':
      return appender.appendBigInt(BigInt(cell));
    case 'UINTEGER':
      return appender.appendUInteger(Number(cell));
    case 'INTEGER':
      return appender.appendInteger(Number(cell));
    case 'BOOLEAN':
      return appender.appendBoolean(cell === true);
  }
}
