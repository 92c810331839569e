const UNITS: Readonly<Record<string, string>> = {
  ms: 'milliseconds',
  s: 'seconds',
  min: 'minutes',
  h: 'hours',
  d: 'days',
  B: 'bytes',
  kB: 'kilobytes',
  MB: 'megabytes',
  GB: 'gigabytes',
  TB: 'terabytes',
};

/** A figure as it is read aloud: `94 ms` as "94 milliseconds". */
export function spoken(text: string): string {
  return text.replace(/ ([A-Za-z]+)/g, (whole, unit: string) =>
    UNITS[unit] === undefined ? whole : ` ${UNITS[unit]}`,
  );
}
