import { plainLine, visibleJson, visibleText } from '../../node-core/contract/text.ts';

/** Longest name drawn in one place; the rest is counted, not hidden. */
const MAX_LENGTH = 200;

/**
 * Text from elsewhere (a hostname, a span's name, an attribute) as it may stand on the screen: characters that move or
 * hide others become their visible escapes, `\u202e`, and what is longer than 200 characters says how much more there
 * is.
 */
export function formatSafeText(text: string, maxLength = MAX_LENGTH): string {
  const kept = text.length > maxLength ? text.slice(0, maxLength) : text;
  const escaped = visibleText(kept);
  return text.length > maxLength ? `${escaped}… ${text.length - maxLength} more` : escaped;
}

/**
 * A value as JSON that means what it means, with escapes for what would be hidden in it; `indent` 0 makes it one line.
 */
export function formatSafeJson(value: unknown, indent: 0 | 2): string {
  return visibleJson(JSON.stringify(value, null, indent));
}

/**
 * Text as it may be copied: pasted into a shell it runs nothing by itself, pasted into a sheet it stays in its cell.
 */
export function copyableText(text: string): { readonly text: string; readonly changed: boolean } {
  const line = plainLine(text);
  return { text: line, changed: line !== text };
}
