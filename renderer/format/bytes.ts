import { formatFigures } from './number.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal bytes: `640 B`, `412 kB`, `1.2 MB`, `20 GB`. */
export function formatBytes(bytes: number): string {
  const { value, unit } = scaled(bytes);
  return `${value} ${unit}`;
}

/** `412 kB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `1.8 of 20 GB`; both units are named when they differ: `12 MB of 20 GB`. */
export function formatBytesOf(used: number, cap: number): string {
  const a = scaled(used);
  const b = scaled(cap);
  return a.unit === b.unit ? `${a.value} of ${b.value} ${b.unit}` : `${a.value} ${a.unit} of ${b.value} ${b.unit}`;
}

function scaled(bytes: number): { value: string; unit: string } {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  if (unit === 0) return { value: String(Math.round(value)), unit: 'B' };
  return { value: formatFigures(value, value < 10 ? 2 : 3), unit: UNITS[unit] ?? 'PB' };
}
