import { type DuckDBAppender, type DuckDBConnection, DuckDBInstance, type DuckDBValue } from '@duckdb/node-api';
import { PilotError } from '../base/errors.ts';

/** What one column of an appended row may hold. */
export type Cell = string | number | bigint | boolean | null;
export type ColumnType = 'VARCHAR' | 'UBIGINT' | 'BIGINT' | 'UINTEGER' | 'UTINYINT' | 'BOOLEAN';
export type Row = Readonly<Record<string, DuckDBValue>>;

/** One DuckDB instance with files attached to it. Appending is synchronous and can take 100 ms: keep it off busy threads. */
export class Duckdb {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  private constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  static async open(options: { readonly memoryLimit: string; readonly threads: number }): Promise<Duckdb> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit,
      threads: String(options.threads),
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return new Duckdb(instance, await instance.connect());
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

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  async query(sql: string, parameters: readonly Cell[] = []): Promise<Row[]> {
    const reader = await this.#connection.runAndReadAll(sql, [...parameters] as DuckDBValue[]);
    return reader.getRowObjects();
  }

  /** Appends rows with one Appender that is closed before this returns: then they are safe from a kill. */
  async append(
    database: string,
    table: string,
    types: readonly ColumnType[],
    rows: readonly (readonly Cell[])[],
  ): Promise<void> {
    const appender = await this.#connection.createAppender(table, 'main', database);
    try {
      for (const row of rows) {
        for (const [index, type] of types.entries()) appendCell(appender, type, row[index] ?? null);
        appender.endRow();
      }
    } finally {
      appender.closeSync();
    }
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
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
    case 'UTINYINT':
      return appender.appendUTinyInt(Number(cell));
    case 'BOOLEAN':
      return appender.appendBoolean(cell === true);
  }
}
