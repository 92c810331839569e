import fc from 'fast-check';
import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { formatSafeText } from '../../../../renderer/format/safe-text.ts';
import { Name } from '../../../../renderer/ui/Name.tsx';

test.each([
  ['filings-2', 'filings-2'],
  ['агент 7', 'агент 7'],
  ['سعر-1', 'سعر-1'],
  ['a\u202egnp.exe', 'a\\u202egnp.exe'],
  ['a\nb\u0000c', 'a\\u000ab\\u0000c'],
  ['x\u200by', 'x\\u200by'],
  ['half \ud800 pair', 'half \\ud800 pair'],
  ['ok 🚀', 'ok 🚀'],
])('shows %j safely', (text, shown) => {
  expect(formatSafeText(text)).toBe(shown);
});

test('counts what a long name leaves out', () => {
  expect(formatSafeText('n'.repeat(10_012), 12)).toBe(`${'n'.repeat(12)}… 10000 more`);
});

test('lets no character through that moves or hides others', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u;
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !unsafe.test(formatSafeText(text))));
});

test('isolates a name from the text around it and escapes markup', () => {
  const html = renderToStaticMarkup(createElement(Name, { text: '<img src=x>\u202e' }));
  expect(html).toBe('<bdi class="name" title="&lt;img src=x&gt;\\u202e">&lt;img src=x&gt;\\u202e</bdi>');
});
