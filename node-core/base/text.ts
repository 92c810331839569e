const SURROGATE = /[\ud800-\udfff]/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * Text with each half of a cut surrogate pair replaced by U+FFFD. One such half inside a stored JSON text would fail
 * every later query over it.
 */
export function wellFormed(text: string): string {
  return SURROGATE.test(text) ? text.replace(LONE_SURROGATE, '\ufffd') : text;
}

/**
 * What makes text act or lie about itself: controls (line ends, and escape sequences of a terminal begin with one),
 * direction overrides, invisible characters, line separators, lone surrogates. Joiners pass: words and emoji need them.
 */
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const LINE_ENDS = /[\t-\r\u0085\u2028\u2029]+/g;
/** Line ends and tabs that stand between the parts of a JSON text; inside its strings they are escaped already. */
const JSON_SPACE = /[\t\n\r]/;

/** Text of others as it may be shown or printed, with visible escapes for what is hidden in it: `\u202e`, `\u{e0041}`. */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, (character) => {
    const hex = (character.codePointAt(0) ?? 0).toString(16).padStart(4, '0');
    return hex.length > 4 ? `\\u{${hex}}` : `\\u${hex}`;
  });
}

/** A JSON text that means the same, with escapes for what would be hidden in it. */
export function visibleJson(json: string): string {
  return json.replace(HIDDEN, (character) => {
    if (JSON_SPACE.test(character)) return character;
    const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}

/** Text of others as it may be handed on, to a shell or a sheet: one line, without what is hidden in it. */
export function plainLine(text: string): string {
  return text.replace(LINE_ENDS, ' ').replace(HIDDEN, '').trim();
}
