import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const folder = fileURLToPath(new URL('../../../../renderer', import.meta.url));
const css = readFileSync(join(folder, 'ui/tokens.css'), 'utf8');

/** The colours of one theme by name. */
function themeOf(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`);
  const body = css.slice(start, css.indexOf('\n}', start));
  return new Map(
    [...body.matchAll(/--([a-z0-9-]+): (#[0-9a-f]{6})/g)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
}

/** Relative luminance and contrast of WCAG 2. */
function luminance(hex: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  const [r = 0, g = 0, b = 0] = parts.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [high = 0, low = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const WORDS = ['text', 'text-2', 'text-3', 'ok', 'degraded', 'failing', 'unknown'];
const PATHS = ['lan', 'direct', 'punched', 'relay', 'compat', 'unknown'].map((path) => `path-${path}`);
const SURFACES = ['bg', 'surface-1', 'surface-2'];

test.each([
  ['dark', ':root'],
  ['light', ':root[data-theme="light"]'],
])('colours of the %s theme can be told from their ground', (_name, selector) => {
  const theme = themeOf(selector);
  const low: string[] = [];
  for (const surface of SURFACES) {
    const ground = theme.get(surface) ?? '';
    for (const [names, least] of [
      [[...WORDS, ...PATHS], 4.5],
      [['control-border', 'edge-quiet'], 2.9],
    ] as const) {
      for (const name of names) {
        const ratio = contrast(theme.get(name) ?? '', ground);
        if (!(ratio >= least)) low.push(`${name} on ${surface}: ${ratio.toFixed(2)}`);
      }
    }
  }
  expect(low).toEqual([]);
});

test('tokens are the only colours', () => {
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => /\.(css|tsx?)$/.test(file) && file !== join('ui', 'tokens.css'),
  );
  const wrong = sources.filter((file) =>
    /#[0-9a-f]{3,8}\b(?!-)|\brgba?\(|\bhsla?\(/i.test(readFileSync(join(folder, file), 'utf8')),
  );
  expect(sources.length).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});
