import { createElement } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { copyableText, formatSafeText } from '../../../../renderer/format/safe-text.ts';
import { Name } from '../../../../renderer/ui/Name.tsx';

test('counts what a long name leaves out', () => {
  expect(formatSafeText('n'.repeat(10_012), 12)).toBe(`${'n'.repeat(12)}… 10000 more`);
});

test('isolates a name from the text around it and escapes markup', () => {
  const html = renderToStaticMarkup(createElement(Name, { text: '<img src=x>\u202e' }));
  expect(html).toBe('<bdi class="name" title="&lt;img src=x&gt;\\u202e">&lt;img src=x&gt;\\u202e</bdi>');
});

test('a copy says whether something was left out of it', () => {
  expect(copyableText('desk-1')).toEqual({ text: 'desk-1', changed: false });
  expect(copyableText('desk-1\nreboot\n')).toEqual({ text: 'desk-1 reboot', changed: true });
});
