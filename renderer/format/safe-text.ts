/** Longest name drawn in one place; the rest is counted, not hidden. */
const MAX_LENGTH = 200;

/** Controls, direction overrides, invisible separators and lone surrogates: what can make text lie about itself. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|\p{Surrogate}/gu;

/**
 * Text from elsewhere (a hostname, a span's name, an attribute) as it may stand on the screen: characters that move or
 * hide others become their visible escapes, `\u202e`, and what is longer than 200 characters says how much more there is.
 */
export function formatSafeText(text: string, maxLength = MAX_LENGTH): string {
  const kept = text.length > maxLength ? text.slice(0, maxLength) : text;
  const escaped = kept.replace(UNSAFE, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
  return text.length > maxLength ? `${escaped}… ${text.length - maxLength} more` : escaped;
}
