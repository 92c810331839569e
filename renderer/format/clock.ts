const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_MS = 86_400_000;

const two = (value: number): string => String(value).padStart(2, '0');

/** Time of day in the window's zone: `09:12:39`. */
export function formatClock(unixMs: number): string {
  const at = new Date(unixMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** With the milliseconds, for evidence and waterfall: `09:12:39.868`. */
export function formatClockMillis(unixMs: number): string {
  return `${formatClock(unixMs)}.${String(new Date(unixMs).getMilliseconds()).padStart(3, '0')}`;
}

/** Hours and minutes: `09:12`. */
export function formatMinutes(unixMs: number): string {
  return formatClock(unixMs).slice(0, 5);
}

/** Time of day today, else `21 Nov 2026, 14:02`. */
export function formatMoment(unixMs: number, nowMs: number): string {
  const at = new Date(unixMs);
  if (Math.abs(nowMs - unixMs) < DAY_MS && at.getDate() === new Date(nowMs).getDate()) return formatClock(unixMs);
  return `${at.getDate()} ${MONTHS[at.getMonth()]} ${at.getFullYear()}, ${formatMinutes(unixMs)}`;
}

/** The window's zone: `UTC+0`, `UTC+5:30`. */
export function formatZone(unixMs: number): string {
  const minutes = -new Date(unixMs).getTimezoneOffset();
  const rest = Math.abs(minutes) % 60;
  return `UTC${minutes < 0 ? '−' : '+'}${Math.floor(Math.abs(minutes) / 60)}${rest === 0 ? '' : `:${two(rest)}`}`;
}
