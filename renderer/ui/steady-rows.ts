/** Rows that hold still, and those that wait. */
export interface SteadyRows<T> {
  readonly rows: readonly T[];
  /** How many rows are new and not among `rows`. */
  readonly waiting: number;
}

/** The rows as they were shown, in their places, each as the latest ones tell it; what is gone stays as it was. */
export function steadyRows<T>(shown: readonly T[], latest: readonly T[], keyOf: (row: T) => string): SteadyRows<T> {
  const left = new Map(latest.map((row) => [keyOf(row), row]));
  const rows = shown.map((row) => {
    const key = keyOf(row);
    const now = left.get(key) ?? row;
    left.delete(key);
    return now;
  });
  return { rows, waiting: left.size };
}
