import { expect, test } from 'vitest';
import { formatClock, formatClockMillis, formatMoment, formatZone } from '../../../../renderer/format/clock.ts';

const at = new Date(2026, 10, 21, 9, 12, 39, 868).getTime();

test('writes the time of day, and the day only when it is another', () => {
  expect(formatClock(at)).toBe('09:12:39');
  expect(formatClockMillis(at)).toBe('09:12:39.868');
  expect(formatMoment(at, at + 60_000)).toBe('09:12:39');
  expect(formatMoment(at, at + 86_400_000)).toBe('21 Nov 2026, 09:12');
});

test('names the zone by its distance from UTC', () => {
  expect(formatZone(at)).toMatch(/^UTC[+−]\d{1,2}(:\d{2})?$/);
});
