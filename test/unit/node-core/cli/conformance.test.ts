import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { deviations } from '../../../../node-core/cli/conformance/deviations.ts';
import { runCase } from '../../../../node-core/cli/conformance/run-case.ts';
import { expectedOf, parseVectorFile, type VectorCase } from '../../../../node-core/cli/conformance/vector-file.ts';
import { runConformance } from '../../../../node-core/cli/conformance.ts';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const vectors = join(root, 'test/vectors');

const NOT_BUILT =
  /^services (event_stream|nameserver|handshake|relayed_handshake|secure|request_signature|ipc|registry_binary)/;
/** Sections about bytes, keys and signatures: they may not deviate. */
const EXACT =
  /^(addr_|socket_|encode|decode|crc32|identities|key_derivation|pi(la|lk|ls)_|sack_|sequence|beacon_|data_exchange|registry_requests)/;

function vectorFiles() {
  const names = readdirSync(vectors).filter((name) => name.endsWith('.json'));
  return names.map((name) => parseVectorFile(readFileSync(join(vectors, name), 'utf8')));
}

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderWith(name: string, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
  folders.push(folder);
  writeFileSync(join(folder, name), content);
  return folder;
}

describe('our code against the reference vectors', () => {
  test('nothing fails, and only what is not built yet is left out', async () => {
    const lines: string[] = [];
    const counts = await runConformance(vectors, (line) => lines.push(line));
    expect(lines.filter((line) => line.startsWith('  '))).toEqual([]);
    expect(counts.failed).toBe(0);
    expect(counts.passed).toBeGreaterThanOrEqual(450);
    const notBuilt = lines.filter((line) => /\d not built/.test(line) && !line.includes('deviates'));
    expect(notBuilt.filter((line) => !NOT_BUILT.test(line))).toEqual([]);
    expect(lines.at(-1)).toBe(`${counts.passed} passed, 0 failed`);
  });

  test('no section about bytes deviates', () => {
    expect(deviations.map(({ section }) => section).filter((section) => EXACT.test(section))).toEqual([]);
  });

  test('PROTOCOL.md lists the same rules', () => {
    const text = readFileSync(join(root, 'node-core/PROTOCOL.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `([a-z_]+)` \| ((?:[^|\\]|\\.)+) \| (?:[^|\\]|\\.)+ \|$/gm)];
    const table = rows.map(([, section, rule]) => `${section}: ${rule?.replaceAll('\\|', '|')}`);
    expect(table.sort()).toEqual(deviations.map(({ section, rule }) => `${section}: ${rule}`).sort());
  });
});

describe('a wrong result is found', () => {
  /** Every place in a result that holds a value. */
  function leaves(value: unknown, path: readonly string[] = []): string[][] {
    if (typeof value !== 'object' || value === null) return [[...path]];
    return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
  }

  function altered(value: unknown, [key, ...rest]: readonly string[]): unknown {
    if (key === undefined)
      return typeof value === 'boolean' ? !value : typeof value === 'number' ? value + 1 : `${value}00`;
    const copy = Array.isArray(value) ? [...value] : { ...(value as object) };
    Reflect.set(copy, key, altered(Reflect.get(copy, key), rest));
    return copy;
  }

  const sections = vectorFiles().flatMap(({ file, sections }) =>
    Object.entries(sections).map(([name, cases]) => ({ file, name, cases })),
  );

  /** `failed`, or `deviates` where a rule settles the whole result whatever was recorded. */
  test.each(sections)('in $file $name', async ({ file, name, cases }) => {
    for (const vector of cases) {
      if ((await runCase(file, name, vector)).kind !== 'passed') continue;
      const out = expectedOf(name, vector) ?? {};
      const verdicts: string[] = [];
      for (const path of leaves(out).slice(0, 60)) {
        const wrong = {
          id: vector.id,
          in: vector.in,
          versions: ['v1.18'],
          out: altered(out, path) as VectorCase['out'],
        };
        verdicts.push((await runCase(file, name, wrong)).kind);
        if (verdicts.at(-1) !== 'passed') break;
      }
      expect(verdicts.at(-1), vector.id).not.toBe('passed');
    }
  });
});

test.each([
  [
    'a section nobody knows',
    'tunnel.json',
    '{"format":"pilot-vectors/1","file":"tunnel","sections":{"new":[{"id":"a","versions":["v1.9"],"in":{},"out":{}}]}}',
  ],
  [
    'a file nobody knows',
    'x.json',
    '{"format":"pilot-vectors/1","file":"x","sections":{"crc32":[{"id":"a","versions":["v1.9"],"in":{},"out":{}}]}}',
  ],
  [
    'an input that is not understood',
    'packet.json',
    '{"format":"pilot-vectors/1","file":"packet","sections":{"crc32":[{"id":"a","versions":["v1.9"],"in":{"bytes":"xy"},"out":{}}]}}',
  ],
  ['another format', 'x.json', '{"format":"pilot-vectors/2"}'],
  ['no JSON', 'x.json', 'x'],
  ['no vector file', 'x.txt', ''],
])('%s is a failure', async (_what, name, content) => {
  const counts = await runConformance(folderWith(name, content), () => {});
  expect(counts).toMatchObject({ passed: 0, failed: 1 });
});

test.each([
  ['tunnel', 'frame_handling', { config: 'registry-knows-peer', steps: null }, { steps: null }],
  ['tunnel', 'replay_window', { counters: null, window_size: 256 }, { accept: null, max: '0' }],
  ['stream', 'receiver_reassembly', { expected_seq: 5, segments: null }, { steps: null }],
  ['stream', 'sack_encode', { blocks: null }, { bytes: '' }],
  ['stream', 'sender_sack', { blocks: null, unacked: null }, { sacked: null }],
  ['stream', 'congestion', { mss: 1024, ops: null }, { steps: null }],
  ['stream', 'rto', { rtt_samples_ns: null }, { steps: null }],
])('an empty list that %s %s has as null is a list', async (file, section, input, out) => {
  const cases = [{ id: 'a', versions: ['v1.9'], in: input, out }];
  const text = JSON.stringify({ format: 'pilot-vectors/1', file, sections: { [section]: cases } });
  const lines: string[] = [];
  const counts = await runConformance(folderWith(`${file}.json`, text), (line) => lines.push(line));
  expect(counts.failed, lines.join('; ')).toBe(0);
});

test('a case of another version is counted by itself', async () => {
  const text =
    '{"format":"pilot-vectors/1","file":"packet","sections":{"crc32":[{"id":"a","versions":["feb-2026"],"in":{},"out":{}}]}}';
  expect(await runConformance(folderWith('packet.json', text), () => {})).toMatchObject({ otherVersion: 1, failed: 0 });
});
