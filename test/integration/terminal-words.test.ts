import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { waitFor } from '../support/wait-for.ts';

const START = fileURLToPath(new URL('../../electron/setup/start.mjs', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../out/main/flightdeck.cjs', import.meta.url));

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-words-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('npm start without a display says in words where to look, and nothing else, no JSON', async () => {
  const { DISPLAY: _x, WAYLAND_DISPLAY: _w, ...env } = process.env;
  const free = ['--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0'];
  const child = spawn(process.execPath, [START, '--data', folder, '--fleet', '1', ...free], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  await waitFor(() => err.includes('Ctrl+C ends it.'), 90_000);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  expect(out).toBe('');
  expect(err).toMatch(/\nOpen http:\/\/127\.0\.0\.1:\d+\/#token=\S+\n/);
  expect(err).not.toContain('{');
});

test.each([
  {
    words: ['trace', 'show', 'nonsense'],
    says: 'flightdeck: the deck does not take the call: Input validation failed',
  },
  { words: ['trace', 'show', '0'.repeat(32)], says: 'flightdeck: no span of this trace is in the store' },
  { words: ['trace', 'show', '0'.repeat(32), '--otlp'], says: 'flightdeck: no span of this trace is in the store' },
  { words: ['ping', 'nonsense'], says: 'flightdeck: not an address: "nonsense": no colon' },
  { words: ['fleet', 'nat', 'nobody', 'none'], says: /^flightdeck: no running fleet took the command/ },
])('$words says in one sentence what is wrong', async ({ words, says }) => {
  const free = ['--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0', '--no-fleet'];
  const deck = await FlightdeckProcess.start(['serve', '--data', folder, ...free], { FLIGHTDECK_LOG: 'fatal' });
  const asked = FlightdeckProcess.spawn([...words, '--data', folder]);
  expect(await asked.ended).toBe(1);
  expect(asked.log).toEqual(typeof says === 'string' ? says : expect.stringMatching(says));
  expect(await deck.end('SIGTERM')).toBe(0);
});

test('who has no home is told to name a folder', async () => {
  const nobody = ['env', '-u', 'HOME', '-u', 'XDG_DATA_HOME', 'setpriv', '--reuid', '4242', '--clear-groups'];
  const asked = FlightdeckProcess.spawn(['ping', '0:0000.0000.0001'], {}, nobody);
  expect(await asked.ended).toBe(1);
  expect(asked.log).toBe('flightdeck: this user has no home folder: name a data folder with --data');
});

test('a command whose reader has left ends without a word', async () => {
  const child = spawn('sh', ['-c', `'${process.execPath}' '${PROGRAM}' conformance '${folder}' | true`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  expect(err).toBe('');
});
