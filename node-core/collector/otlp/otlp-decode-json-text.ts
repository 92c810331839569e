const MAYBE_WIDE = /\d{16}/;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Up to 15 digits a double is exact. */
const EXACT_DIGITS = 15;

/**
 * JSON text in which integers of 16 and more digits are written as `wrap` makes them, so that `JSON.parse` does not round
 * them to doubles. Everything else stays as it is, errors too: they are for `JSON.parse` to find. Linear in the text.
 */
export function rewriteWideIntegers(json: string, wrap: (digits: string) => string): string {
  return MAYBE_WIDE.test(json) ? rewriteNumbers(json, (text) => (isWide(text) ? wrap(text) : undefined)) : json;
}

/** Applies `rewrite` to each number outside of strings; undefined leaves it as it is. */
export function rewriteNumbers(json: string, rewrite: (literal: string) => string | undefined): string {
  let out = '';
  let copied = 0;
  let at = 0;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(json, at);
    } else if (code === MINUS || isDigit(code)) {
      const end = endOfNumber(json, at);
      const replacement = rewrite(json.slice(at, end));
      if (replacement !== undefined) {
        out += json.slice(copied, at) + replacement;
        copied = end;
      }
      at = end;
    } else {
      at += 1;
    }
  }
  return copied === 0 ? json : out + json.slice(copied);
}

function isWide(literal: string): boolean {
  return literal.length > EXACT_DIGITS && /^-?[1-9]\d{15,}$/.test(literal);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function endOfNumber(json: string, start: number): number {
  let at = start + 1;
  for (; at < json.length; at++) {
    const code = json.charCodeAt(at);
    // digits . e E + -
    if (!isDigit(code) && code !== 0x2e && code !== 0x65 && code !== 0x45 && code !== 0x2b && code !== MINUS) break;
  }
  return at;
}

/** The index after the closing quote: the first one that an even number of backslashes precedes. */
function endOfString(json: string, start: number): number {
  let quote = json.indexOf('"', start + 1);
  while (quote !== -1) {
    let slashes = 0;
    while (json.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return quote + 1;
    quote = json.indexOf('"', quote + 1);
  }
  return json.length;
}
