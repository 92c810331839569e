import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockFile } from '../../node-core/io/folder-lock.ts';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';
import { processesOfFolder } from '../support/processes-of-folder.ts';
import { waitFor } from '../support/wait-for.ts';

/** What the issue gives a start that cannot succeed; a busy machine included. */
const SOON_MS = 10_000;

const TAKER = fileURLToPath(new URL('../support/port-taker.cjs', import.meta.url));

let folder: string;
let running: FlightdeckProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-refusals-'));
  running = [];
});
afterEach(async () => {
  await Promise.all(running.map((process) => process.end('SIGKILL')));
  await rm(folder, { recursive: true, force: true });
});

const FREE_PORTS = ['--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0'];
const serve = (data: string, ...more: string[]) => ['serve', '--no-fleet', '--data', data, ...FREE_PORTS, ...more];

async function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<FlightdeckProcess> {
  const started = await FlightdeckProcess.start(args, { FLIGHTDECK_LOG: 'fatal', ...env });
  running.push(started);
  return started;
}

/** Runs a command that is to be refused, and returns its one sentence. */
async function refusal(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  prefix: readonly string[] = [],
): Promise<string> {
  const started = FlightdeckProcess.spawn(args, { FLIGHTDECK_LOG: 'fatal', ...env }, prefix);
  running.push(started);
  const startedAt = performance.now();
  expect(await started.ended, started.log).toBe(1);
  expect(performance.now() - startedAt).toBeLessThan(SOON_MS);
  expect(await processesOfFolder(folder)).toEqual([]);
  expect(started.log).toMatch(/^flightdeck: [^\n]+$/);
  return started.log;
}

describe('serve is refused in one sentence, and leaves nothing behind,', () => {
  test.each([
    { what: 'a file', path: () => join(folder, 'file'), words: 'it is not a folder (EEXIST)' },
    { what: 'inside a file', path: () => join(folder, 'file/deck'), words: 'it is not in a folder (ENOTDIR)' },
    { what: 'too long a name', path: () => join(folder, 'x'.repeat(256)), words: 'name too long (ENAMETOOLONG)' },
    { what: 'nowhere', path: () => '/proc/nowhere/deck', words: 'no such file or directory (ENOENT)' },
  ])('when its data folder is $what', async ({ path, words }) => {
    await writeFile(join(folder, 'file'), '');
    const data = path();
    expect(await refusal(serve(data))).toBe(
      `flightdeck: the data folder ${data} cannot be used: ${words}; name another with --data`,
    );
  });

  test('when its data folder can only be read', async () => {
    const data = join(folder, 'data');
    await mkdir(data);
    const mounted = ['unshare', '-m', 'sh', '-c', `mount -t tmpfs -o ro none '${data}' && exec "$@"`, 'sh'];
    expect(await refusal(serve(data), {}, mounted)).toContain('read-only file system (EROFS)');
  });

  test.each(['identity.json', 'rendezvous.json', 'deck.json', 'store'])(
    'when %s in it is something else',
    async (name) => {
      if (name === 'store') await writeFile(join(folder, name), 'a file');
      else await mkdir(join(folder, name, 'full'), { recursive: true });
      expect(await refusal(serve(folder))).toContain(name);
    },
  );

  test('when its token could be guessed', async () => {
    expect(await refusal(serve(folder), { FLIGHTDECK_TOKEN: 'fifteen bytes..' })).toBe(
      'flightdeck: FLIGHTDECK_TOKEN is too short: give at least 16 bytes, or unset it',
    );
  });
});

test.each([
  { command: 'rendezvous', words: (file: string) => ['rendezvous', '--store', file], what: 'the store' },
  {
    command: 'node',
    words: (file: string) => ['node', '--registry', '127.0.0.1:1', '--beacon', '127.0.0.1:1', '--identity', file],
    what: 'the identity',
  },
  {
    command: 'serve',
    words: (file: string) => [...serve(join(folder, 'data')), '--identity', file],
    what: 'the identity',
  },
  { command: 'rendezvous with TLS', words: (file: string) => ['rendezvous', '--tls', file], what: 'the certificate' },
])('$command is refused where its file is in use, or cannot be kept', async ({ words, what }) => {
  const file = join(folder, 'file');
  const lock = await lockFile(`${file}.lock`, 'it');
  expect(await refusal(words(file))).toBe(
    `flightdeck: ${what} ${file} is in use by a running Flightdeck (process ${process.pid})`,
  );
  lock.release();
  expect(await refusal(words('/proc/nowhere/file'))).toMatch(/^flightdeck: \/proc\/nowhere cannot be used: /);
});

test('an empty token is none: another is drawn', async () => {
  const { ready } = await start(serve(folder), { FLIGHTDECK_TOKEN: '' });
  expect(String(ready.url)).toMatch(/#token=[\w-]{32}$/);
});

test.each(['--otlp-http', '--http'])(
  'a port that was asked for by %s and is taken is refused, with who has it',
  async (option) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const taken = `127.0.0.1:${(holder.address() as AddressInfo).port}`;
    expect(await refusal([...serve(folder), option, taken])).toBe(
      `flightdeck: ${taken} is in use by node (process ${process.pid})`,
    );
    holder.close();
  },
);

test('where the usual OTLP port is taken another is used, and that is said on standard error and in the status', async () => {
  const taker = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath, TAKER, '4318'];
  const args = ['serve', '--no-fleet', '--data', folder];
  const deck = FlightdeckProcess.spawn(args, { FLIGHTDECK_LOG: 'fatal' }, taker);
  running.push(deck);
  await waitFor(() => deck.log !== '');
  expect(deck.log).toMatch(
    /^flightdeck: 127\.0\.0\.1:4318 is in use by node \(process \d+\): OTLP is taken at 127\.0\.0\.1:\d+ instead$/,
  );
  expect(await deck.end('SIGTERM')).toBe(0);
});

test('a second serve on a data folder is refused, touches nothing, and the first goes on', async () => {
  const first = await start(serve(folder));
  const before = { files: await contents(), processes: await processesOfFolder(folder) };
  const second = FlightdeckProcess.spawn(serve(folder), { FLIGHTDECK_LOG: 'fatal' });
  const askedAt = performance.now();
  expect(await second.ended).toBe(1);
  expect(performance.now() - askedAt).toBeLessThan(SOON_MS);
  expect(second.log).toBe(
    `flightdeck: the data folder ${folder} is in use by a running Flightdeck (process ${first.pid})`,
  );
  expect({ files: await contents(), processes: await processesOfFolder(folder) }).toEqual(before);
  expect(await first.end('SIGTERM')).toBe(0);
});

test('after kill -9 the next serve has the data folder once every process of the killed one has ended', async () => {
  const first = await start(serve(folder));
  await first.end('SIGKILL');
  const second = await start(serve(folder));
  const commands = await processesOfFolder(folder);
  expect(commands.filter((command) => / serve /.test(command))).toHaveLength(1);
  expect(commands.filter((command) => / host /.test(command))).toHaveLength(1);
  expect(commands.filter((command) => / rendezvous /.test(command))).toHaveLength(1);
  expect(await second.end('SIGTERM')).toBe(0);
});

/** The files that a deck writes when it starts and not again, by content. */
async function contents(): Promise<Readonly<Record<string, string>>> {
  const names = (await readdir(folder)).filter((name) => /^(deck|identity)\.json$|^lock$/.test(name)).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}
