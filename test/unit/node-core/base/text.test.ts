import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainLine, visibleJson, visibleText } from '../../../../node-core/base/text.ts';

const anyText = fc.string({ unit: 'binary' });
const HIDDEN = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;

test.each([
  ['filings-2', 'filings-2'],
  ['агент 7', 'агент 7'],
  ['سعر-1', 'سعر-1'],
  ['می‌خواهم', 'می‌خواهم'],
  ['👩‍🚀 ok', '👩‍🚀 ok'],
  ['a\u202egnp.exe', 'a\\u202egnp.exe'],
  ['a\r\nb\u0000', 'a\\u000d\\u000ab\\u0000'],
  ['\u001b[31m\u009b31m', '\\u001b[31m\\u009b31m'],
  ['x\u{e0041}y\u00ad', 'x\\u{e0041}y\\u00ad'],
  ['half \ud800 pair', 'half \\ud800 pair'],
])('shows %j with what is hidden in it', (text, shown) => {
  expect(visibleText(text)).toBe(shown);
});

test('shows nothing that acts or hides, whatever the text', () => {
  fc.assert(fc.property(anyText, (text) => !HIDDEN.test(visibleText(text))));
});

test('JSON means the same and hides nothing, on one line or on several', () => {
  fc.assert(
    fc.property(fc.dictionary(anyText, anyText), fc.constantFrom(0, 2), (value, indent) => {
      const json = visibleJson(JSON.stringify(value, null, indent));
      expect(JSON.parse(json)).toEqual(value);
      expect(json.replaceAll('\n', '')).not.toMatch(HIDDEN);
    }),
  );
  expect(visibleJson('"\u202e\u{e0041}"')).toBe('"\\u202e\\udb40\\udc41"');
});

test.each([
  ['filings-2\nrm -rf ~\n', 'filings-2 rm -rf ~'],
  ['a\tb\r\n\u2028c', 'a b c'],
  ['a\u202eb\u001b[2Jc\u200b', 'ab[2Jc'],
  ['plain', 'plain'],
])('hands %j on as one line that runs nothing by itself', (text, line) => {
  expect(plainLine(text)).toBe(line);
});

test('a line that is handed on is one line without anything hidden, whatever the text', () => {
  fc.assert(fc.property(anyText, (text) => !HIDDEN.test(plainLine(text)) && !/[\n\r\t]/.test(plainLine(text))));
});
