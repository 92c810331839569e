/** True minus sign, as the interface writes it. */
const MINUS = '−';

/** A whole number with thousands separated: `1,204,331`. */
export function formatCount(value: number): string {
  const text = Math.abs(Math.round(value))
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ',');
  return value < 0 && text !== '0' ? MINUS + text : text;
}

/** A count in a sentence: as it is below a million, then `2.1 M`. */
export function formatCountInProse(value: number): string {
  return value < 1_000_000 ? formatCount(value) : `${trimZeros((value / 1_000_000).toFixed(1))} M`;
}

/** `36 of 36`: what is shown, of what there is. */
export function formatOf(shown: number, total: number): string {
  return `${formatCount(shown)} of ${formatCount(total)}`;
}

/** `1 agent`, `6 agents`. */
export function formatPlural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** A ratio of 0 to 1 as `12.2 %`. */
export function formatPercent(ratio: number): string {
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.1) return '<0.1 %';
  return `${trimZeros(percent.toFixed(1))} %`;
}

/** At most `figures` significant figures, without trailing zeros and never in exponent form. */
export function formatFigures(value: number, figures: number): string {
  if (value === 0) return '0';
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  return trimZeros(value.toFixed(Math.max(0, figures - Math.max(1, whole))));
}

/** `+3.00`, `−0.4`: always with a sign. */
export function formatSigned(value: number, decimals: number): string {
  const text = Math.abs(value).toFixed(decimals);
  return (value < 0 && Number(text) !== 0 ? MINUS : '+') + text;
}

function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
