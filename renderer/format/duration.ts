import { formatFigures, formatSigned } from './number.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A length of time in three figures: `0.42 ms`, `94 ms`, `1.18 s`, `17 min 33 s`, `1 h 12 min`. Below a hundredth of a
 * millisecond it is `<0.01 ms`, never 0. `figures: 2` is for cards, where the third only flickers.
 */
export function formatDuration(ms: number, figures: 2 | 3 = 3): string {
  if (!Number.isFinite(ms)) return 'unknown';
  if (ms < 0) return `−${formatDuration(-ms, figures)}`;
  if (ms < 0.01) return '<0.01 ms';
  if (ms < 0.995) return `${formatFigures(ms, 3)} ms`;
  if (ms < SECOND - 0.5) return `${formatFigures(Math.max(1, ms), figures)} ms`;
  if (ms < MINUTE - 50) return `${formatFigures(ms / SECOND, figures)} s`;
  if (ms < HOUR - 500) return pair(Math.round(ms / SECOND), 60, 'min', 's');
  if (ms < 2 * DAY) return pair(Math.round(ms / MINUTE), 60, 'h', 'min');
  return pair(Math.round(ms / HOUR), 24, 'd', 'h');
}

/** How long ago, in its largest unit: `48 s`, `17 min`, `20 h`, `3 d`. */
export function formatAge(ms: number): string {
  if (ms < SECOND) return '<1 s';
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`;
  if (ms < 2 * DAY) return `${Math.floor(ms / HOUR)} h`;
  return `${Math.floor(ms / DAY)} d`;
}

/** A clock's offset with its bound: `+3.00 s ±0.4 ms`, `−1.1 ms ±18 ms`. */
export function formatOffset(offsetMs: number, boundMs: number): string {
  const size = Math.abs(offsetMs);
  const offset = size >= 995 ? `${formatSigned(offsetMs / SECOND, 2)} s` : `${formatSigned(offsetMs, 1)} ms`;
  return `${offset} ${formatBound(boundMs)}`;
}

/** How far off a clock may be: `±18 ms`. */
export function formatBound(boundMs: number): string {
  return boundMs < 0.1 ? '±<0.1 ms' : `±${formatFigures(boundMs, boundMs < 10 ? 2 : 3)} ms`;
}

function pair(total: number, base: number, large: string, small: string): string {
  return `${Math.floor(total / base)} ${large} ${total % base} ${small}`;
}
