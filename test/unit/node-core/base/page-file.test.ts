import { expect, test } from 'vitest';
import { pageFile } from '../../../../node-core/base/page-file.ts';

test.each([
  ['/', '/pages/index.html', 'text/html; charset=utf-8'],
  ['/index.html', '/pages/index.html', 'text/html; charset=utf-8'],
  ['/assets/a%20b.js', '/pages/assets/a b.js', 'text/javascript; charset=utf-8'],
  ['/assets/../icon.svg', '/pages/icon.svg', 'image/svg+xml'],
])('%s is %s', (urlPath, path, mediaType) => {
  expect(pageFile('/pages', urlPath)).toEqual({ path, mediaType });
});

test.each([
  ['/../secret.json', 'outside of the folder'],
  ['/%2e%2e/secret.json', 'outside of the folder'],
  ['/../pages-of-another/index.html', 'outside of the folder'],
  ['/%E0%A4%A', 'not decodable'],
  ['/assets', 'a folder'],
  ['/notes.txt', 'of no type that a page has'],
  ['*', 'no path'],
])('%s is no page: %s', (urlPath) => {
  expect(pageFile('/pages', urlPath)).toBeUndefined();
});
