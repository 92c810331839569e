import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The protocol's layers from the bottom up: each may import those before it. */
const LAYERS = ['wire', 'crypto', 'tunnel', 'stream', 'node', 'services'];

/** What every other folder may import, besides itself, base/ and contract/. */
const OTHERS: Readonly<Record<string, readonly string[]>> = {
  'node-core/base': [],
  'node-core/contract': [],
  'node-core/io': ['wire'], // for the framing of a channel
  'node-core/collector': ['crypto'],
  'node-core/rendezvous': ['wire', 'crypto'],
  'node-core/host': ['*'],
  'node-core/fleet': ['*'],
  'node-core/supervisor': [],
  'node-core/cli': ['*'],
  'electron/main': ['supervisor', 'base'],
  'electron/preload': [],
  'electron/utility': ['host', 'base'],
  'electron/setup': [],
  renderer: ['contract'],
};

/** Folders that alone may touch sockets, disk, processes and the clock of the operating system. */
const EFFECTFUL = /^(node-core\/(io|host|fleet|supervisor|cli)|electron)\//;
const EFFECTS = /^node:(net|dgram|http|https|fs|fs\/promises|child_process|worker_threads|os|dns|tls)$/;

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mts)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
}

function folderOf(file: string): string {
  const parts = file.split('/');
  return parts[0] === 'renderer' ? 'renderer' : parts.slice(0, 2).join('/');
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const target = to.replace(/^node-core\//, '');
  if (from.startsWith('node-core/') && (target === 'base' || target === 'contract')) return true;
  const layer = LAYERS.indexOf(from.replace(/^node-core\//, ''));
  if (from.startsWith('node-core/') && layer >= 0) return LAYERS.slice(0, layer).includes(target);
  const allowed = OTHERS[from] ?? [];
  if (target === 'contract') return true;
  return allowed.includes('*') ? to.startsWith('node-core/') : allowed.includes(target);
}

test('imports go in one direction', () => {
  const wrong: string[] = [];
  for (const file of ['node-core', 'electron', 'renderer'].flatMap(sources)) {
    for (const specifier of importsOf(file).filter((name) => name.startsWith('.'))) {
      const target = relative(root, resolve(root, dirname(file), specifier));
      if (!mayImport(folderOf(file), folderOf(target))) wrong.push(`${file} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('only the outer folders touch the operating system', () => {
  const wrong = sources('node-core').flatMap((file) =>
    EFFECTFUL.test(file)
      ? []
      : importsOf(file)
          .filter((name) => EFFECTS.test(name))
          .map((name) => `${file} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});
