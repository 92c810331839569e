import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The protocol's layers from the bottom up: each may import base/ and those before it. */
const LAYERS = ['wire', 'crypto', 'tunnel', 'stream', 'node', 'services'].map((layer) => `node-core/${layer}`);
const COLLECTOR = ['', '/otlp', '/flow', '/trace', '/duckdb'].map((wing) => `node-core/collector${wing}`);
const core = (...folders: readonly string[]) => folders.map((folder) => `node-core/${folder}`);
const page = (...folders: readonly string[]) => folders.map((folder) => `renderer/${folder}`);
/** What a view may use; never another view, never the frame that shows it. */
const UNDER_VIEWS = [...core('contract'), ...page('format', 'ui', 'stores', 'client', 'shell')];
const VIEWS = page('graph', 'traces', 'groups', 'log');

/** What each folder may import, besides its own files. A folder of sources that is not named here fails the test. */
const RULES: Readonly<Record<string, readonly string[]>> = {
  'node-core/base': [],
  'node-core/contract': core('base'),
  ...Object.fromEntries(LAYERS.map((layer, at) => [layer, [...core('base'), ...LAYERS.slice(0, at)]])),
  'node-core/io': core('base', 'wire'), // for the framing of a channel
  'node-core/rendezvous': core('base', 'wire', 'crypto'),
  'node-core/testbed': core('base', 'io'),
  'node-core/collector': core('base', 'contract'),
  'node-core/collector/otlp': core('base', 'collector', 'collector/otlp/generated'),
  'node-core/collector/otlp/generated': [],
  'node-core/collector/flow': core('base', 'crypto', 'collector'),
  'node-core/collector/trace': core('base', 'contract', 'collector', 'collector/flow'),
  'node-core/collector/duckdb': core(
    'base',
    'crypto',
    'contract',
    'collector',
    'collector/otlp',
    'collector/flow',
    'collector/duckdb/migrations',
  ),
  'node-core/collector/duckdb/migrations': [],
  'node-core/collector-thread': [...core('base', 'contract', 'io'), ...COLLECTOR],
  'node-core/mesh': core('base', 'contract', 'wire', 'collector/flow'),
  'node-core/runtime': [...core('base', 'io', 'collector'), ...LAYERS], // a node with real sockets, and what it records
  'node-core/host/acts': core('base', 'contract', 'runtime', 'mesh', 'collector-thread'),
  'node-core/host': [
    ...core('base', 'contract', 'io', 'runtime', 'testbed', 'mesh', 'collector', 'collector-thread', 'supervisor'),
    ...core('host/acts'),
    ...LAYERS,
  ],
  'node-core/fleet': core('base', 'wire', 'services', 'io', 'runtime', 'testbed', 'collector', 'collector/otlp'),
  'node-core/supervisor': core('base', 'io'),
  'node-core/deck-client': core('base', 'contract', 'io', 'host'),
  'node-core/cli': [
    ...core('base', 'contract', 'io', 'rendezvous', 'runtime', 'testbed', 'host', 'fleet', 'supervisor', 'deck-client'),
    ...core('cli/conformance', 'cli/interop'),
    ...LAYERS,
  ],
  'node-core/cli/conformance': [...core('base', 'rendezvous'), ...LAYERS],
  'node-core/cli/interop': [
    ...core('base', 'contract', 'io', 'runtime', 'host', 'supervisor', 'deck-client'),
    ...LAYERS,
  ],
  electron: [], // the configuration of the build
  'electron/main': core('base', 'io', 'contract', 'supervisor'),
  'electron/preload': [],
  'electron/utility': core('base', 'io', 'host', 'supervisor'),
  'renderer/format': core('contract'),
  'renderer/ui': [...core('contract'), ...page('format')], // drawing pieces, without stores
  'renderer/stores': [...core('contract'), ...page('format')],
  'renderer/client': [...core('contract'), ...page('format', 'stores')],
  'renderer/shell': [...core('contract'), ...page('format', 'ui', 'stores', 'client')],
  ...Object.fromEntries(VIEWS.map((view) => [view, UNDER_VIEWS])),
  'renderer/frame': [...UNDER_VIEWS, ...VIEWS],
  renderer: [...UNDER_VIEWS, ...VIEWS, ...page('frame')],
};

/** Folders that alone may touch sockets, disk, processes and the clock of the operating system. */
const EFFECTFUL =
  /^(node-core\/(io|runtime|testbed|collector-thread|host|fleet|supervisor|deck-client|cli)|electron)(\/|$)/;
const EFFECTS = /^node:(net|dgram|http|https|fs|fs\/promises|child_process|worker_threads|os|dns|tls)$/;

/** Each source file with the files that it imports, and the names of the packages. */
const files = new Map(
  ['node-core', 'electron', 'renderer'].flatMap(sources).map((file) => {
    const specifiers = importsOf(file);
    const targets = specifiers.filter((name) => name.startsWith('.')).map((name) => join(dirname(file), name));
    return [file, { targets, packages: specifiers.filter((name) => !name.startsWith('.')) }] as const;
  }),
);

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mts)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
}

function sourceOf(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function importsOf(file: string): string[] {
  return [...sourceOf(file).matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] as string);
}

/** The pairs of folders that import each other's files: `[importing, imported, by which file]`. */
function folderArrows(): [string, string, string][] {
  return [...files].flatMap(([file, { targets }]) =>
    targets
      .map((target): [string, string, string] => [dirname(file), dirname(target), file])
      .filter(([from, to]) => from !== to),
  );
}

/** Every circle of a graph once, as the list of those that reach each other. */
function circlesOf(arrows: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const reach = new Map([...arrows.keys()].map((name) => [name, reachable(arrows, name)]));
  const circles = new Map<string, string[]>();
  for (const [name, reached] of reach) {
    if (!reached.has(name)) continue;
    const circle = [...reached].filter((other) => reach.get(other)?.has(name)).sort();
    circles.set(circle.join(), circle);
  }
  return [...circles.values()];
}

function reachable(arrows: ReadonlyMap<string, ReadonlySet<string>>, start: string): Set<string> {
  const reached = new Set<string>();
  const waiting = [...(arrows.get(start) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(arrows.get(next) ?? []));
  }
  return reached;
}

test('each folder imports only what its rule names', () => {
  const wrong = folderArrows()
    .filter(([from, to]) => !(RULES[from] ?? []).includes(to))
    .map(([, to, file]) => `${file} imports ${to}`);
  expect(wrong).toEqual([]);
});

test('each folder of sources has a rule, and each rule a folder', () => {
  expect([...new Set([...files.keys()].map((file) => dirname(file)))].sort()).toEqual(Object.keys(RULES).sort());
});

test('no folders import each other in a circle', () => {
  const arrows = new Map<string, Set<string>>();
  for (const [from, to] of folderArrows()) arrows.set(from, (arrows.get(from) ?? new Set()).add(to));
  expect(circlesOf(arrows)).toEqual([]);
});

test('no files import each other in a circle', () => {
  expect(circlesOf(new Map([...files].map(([file, { targets }]) => [file, new Set(targets)])))).toEqual([]);
});

test('only the outer folders touch the operating system', () => {
  const wrong = [...files].flatMap(([file, { packages }]) =>
    file.startsWith('node-core/') && !EFFECTFUL.test(file)
      ? packages.filter((name) => EFFECTS.test(name)).map((name) => `${file} imports ${name}`)
      : [],
  );
  expect(wrong).toEqual([]);
});

test('what is written to a terminal goes through the one place that lets no name act on it', () => {
  const writes = (file: string) => /process\.std(out|err)\.write|console\./.test(sourceOf(file));
  const writers = [...files.keys()].filter((file) => !file.startsWith('renderer/') && writes(file));
  expect(writers).toEqual(['node-core/io/terminal.ts']);
});
