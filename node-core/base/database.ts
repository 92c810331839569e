/** What one column of a row may hold, as it is written or given to a query. */
export type Cell = string | number | bigint | boolean | null;
export type ColumnType = 'VARCHAR' | 'UBIGINT' | 'BIGINT' | 'UINTEGER' | 'INTEGER' | 'BOOLEAN';

/** A row as it is read, by column. A column of lists holds what its adapter makes of them. */
export type Row = Readonly<Record<string, unknown>>;

/** Rows for one table: its columns in order, and for each row a cell of each. */
export interface Append {
  readonly table: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
}

/** A database of several files that are asked as one. io/duckdb.ts is one. */
export interface Database {
  /** Opens a file, or makes it, under a name. @throws PilotError `store.unavailable` */
  attach(path: string, name: string): Promise<void>;
  detach(name: string): Promise<void>;
  /** Runs statements that change something. Not while another change is under way. */
  run(sql: string): Promise<void>;
  /** @throws PilotError `store.unavailable` when the query fails. */
  query(sql: string, parameters?: readonly Cell[]): Promise<readonly Row[]>;
  /**
   * Appends to tables of one file in one transaction: when it resolves, all of it survives a kill. Not while another change
   * is under way.
   *
   * @throws PilotError `store.unavailable`; then nothing of it is there.
   */
  append(name: string, appends: readonly Append[]): Promise<void>;
  close(): void;
}
