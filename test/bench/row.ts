/** One measured figure; over its budget (same unit) the benchmark fails. */
export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: 'ms' | 'MB' | 'MB/s' | 'spans/s' | 'bytes';
  readonly budget?: number;
}
