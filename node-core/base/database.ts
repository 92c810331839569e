import { PilotError } from './errors.ts';

/** What one column of a row may hold, as it is written or given to a query. */
export type Cell = string | number | bigint | boolean | null;
export type ColumnType = 'VARCHAR' | 'UBIGINT' | 'BIGINT' | 'UINTEGER' | 'INTEGER' | 'BOOLEAN';

/** A row as it is read, by column. A column of lists holds what its adapter makes of them. */
export type Row = Readonly<Record<string, unknown>>;

/** Rows for one table: its columns in order, and for each row a cell of each. Rows are made as they are written. */
export interface Append {
  readonly table: string;
  readonly columns: Readonly<Record<string, ColumnType>>;
  readonly rows: Iterable<Readonly<Record<string, Cell>>>;
}

/**
 * Why a database could not do something, told by the kind and number of its error and never by its words:
 *
 * - `in-use`: another process has the file
 * - `no-space`, `no-memory`, `no-access`: what the machine has not or does not allow now
 * - `suspect`: the file or the whole instance may be damaged, which a look at it tells
 * - `other`: the statement itself, or what is not known
 */
export type DatabaseFault = 'in-use' | 'no-space' | 'no-memory' | 'no-access' | 'suspect' | 'other';

/** @returns A PilotError `store.unavailable` that says what failed, and why. */
export function databaseError(what: string, fault: DatabaseFault, why: string, cause?: unknown): PilotError {
  return new PilotError('store.unavailable', `${what}: ${why}`, { fault }, { cause });
}

/** The fault of an error of a database; `other` for any other error. */
export function faultOf(error: unknown): DatabaseFault {
  const fault = error instanceof PilotError ? error.details.fault : undefined;
  return (fault as DatabaseFault | undefined) ?? 'other';
}

/** A database of several files that are asked as one. What it rejects with is made by `databaseError`. */
export interface Database {
  /** Opens a file, or makes it unless it is only to be read, under a name. */
  attach(path: string, name: string, access?: 'read' | 'write'): Promise<void>;
  detach(name: string): Promise<void>;
  /** Runs statements that change something. Not while another change is under way. */
  run(sql: string): Promise<void>;
  query(sql: string, parameters?: readonly Cell[]): Promise<readonly Row[]>;
  /**
   * Appends to tables of one file in one transaction: when it resolves, all of it survives a kill; when it rejects, nothing
   * of it is there. Not while another change is under way.
   */
  append(name: string, appends: readonly Append[]): Promise<void>;
  /** Throws away what instances before this one have left of their memory. Only once no other process has the files. */
  sweep(): Promise<void>;
  close(): void;
}
