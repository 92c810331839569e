import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from './app.fixture.ts';
import { launchApp } from './launch.ts';
import { DeckPage } from './pages/deck-page.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FREE_PORTS = ['--no-fleet', '--otlp-http', '127.0.0.1:0'];

interface Ended {
  readonly status: number | null;
  /** The lines of ours on its standard error; Chromium writes there too. */
  readonly said: readonly string[];
}

/** Starts the app as from a terminal, where it is expected to end by itself. */
function start(program: string, data: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(program, ['--no-sandbox', ROOT, '--data', data, ...FREE_PORTS], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    let text = '';
    child.stderr.on('data', (chunk) => {
      text += chunk;
    });
    child.once('close', (status) =>
      resolve({ status, said: text.split('\n').filter((line) => /^flightdeck: /.test(line)) }),
    );
  });
}

test('a second start beside a window says that it brought that one to the front', async ({ app }) => {
  await expect(new DeckPage(app.page).status).toContainText('registry ok', { timeout: 60_000 });
  const second = await start(app.electron.process().spawnfile, app.dataFolder);
  expect(second).toEqual({
    status: 0,
    said: [`flightdeck: a window is open on ${app.dataFolder} already; it was brought to the front`],
  });
});

test('a window opens although a lock of the window is left as a file', async ({ app }) => {
  const data = join(app.dataFolder, 'other');
  await mkdir(join(data, 'window'), { recursive: true });
  await writeFile(join(data, 'window/SingletonLock'), 'left behind');
  const other = await launchApp(data, FREE_PORTS);
  await expect(new DeckPage(other.page).status).toContainText('registry ok', { timeout: 60_000 });
  await other.close();
});

test('a window that cannot be started says why in one sentence, with a status', async ({ app }) => {
  const program = app.electron.process().spawnfile;
  const file = join(app.dataFolder, 'file');
  await writeFile(file, '');
  expect(await start(program, file)).toEqual({
    status: 1,
    said: [`flightdeck: the data folder ${file} cannot be used: it is not a folder (EEXIST); name another with --data`],
  });
  const damaged = join(app.dataFolder, 'damaged');
  await mkdir(join(damaged, 'identity.json'), { recursive: true });
  expect(await start(program, damaged)).toEqual({
    status: 1,
    said: [`flightdeck: ${join(damaged, 'identity.json')} cannot be used: it is a folder (EISDIR)`],
  });
});
