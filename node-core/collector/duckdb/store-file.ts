import { unixMillis } from '../../base/clock.ts';
/** The name of a file of the store: the UTC day it was made on by the clock of then, and which file it is. */
export interface StoreFileName {
  readonly day: string;
  /** Files are numbered in the order in which they are made; 0 for those of before they were. */
  readonly number: number;
}

const NAME = /^day-(\d{4}-\d{2}-\d{2})(?:-(\d{6,12}))?\.duckdb$/;

/** `day-2026-12-01-000042.duckdb`; undefined for a file that is none of the store's. */
export function parseStoreFileName(name: string): StoreFileName | undefined {
  const [, day, number = '0'] = NAME.exec(name) ?? [];
  return day === undefined ? undefined : { day, number: Number(number) };
}

export function formatStoreFileName({ day, number }: StoreFileName): string {
  return number === 0 ? `day-${day}.duckdb` : `day-${day}-${String(number).padStart(6, '0')}.duckdb`;
}

/** What the file is called inside the database. */
export function catalogOf({ day, number }: StoreFileName): string {
  return `day_${day.replaceAll('-', '_')}_${number}`;
}

/** In the order in which they were made. */
export function byAge(a: StoreFileName, b: StoreFileName): number {
  return a.number - b.number || (a.day < b.day ? -1 : Number(a.day > b.day));
}

/** The UTC day of a moment. */
export function dayOf(unixNano: bigint): string {
  return new Date(unixMillis(unixNano)).toISOString().slice(0, 10);
}
