import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { stockPrograms } from '../../support/stock-programs.ts';

/** The command line as it is built for use; `npm test` builds it first. */
const PROGRAM = fileURLToPath(new URL('../../../out/main/flightdeck.cjs', import.meta.url));

/** Runs cases of `flightdeck interop`; each word names exactly one. */
async function interop(bin: string, words: readonly string[]): Promise<string[]> {
  const args = [PROGRAM, 'interop', '--bin', bin, ...words.flatMap((word) => ['--only', word])];
  const run = promisify(execFile)(process.execPath, args, { timeout: 150_000 });
  const { stdout } = await run.catch((failed: { stdout: string }) => failed);
  return stdout.trimEnd().split('\n');
}

test('a stock node registers, is pinged, echoes and is in the graph', async (context) => {
  const programs = stockPrograms(context);
  const words = ['registers at our registry', 'our encrypted ping', '64 KiB through stock', 'is in the graph'];
  const lines = await interop(programs, words);
  expect(lines.filter((line) => line.startsWith('failed'))).toEqual([]);
  expect(lines.filter((line) => line.startsWith('ok'))).toHaveLength(words.length);
  expect(lines.at(-1)).toBe('4 passed, 0 failed');
});

test('a folder without the stock programs runs nothing and passes nothing', async () => {
  const lines = await interop('/nowhere', []);
  expect(lines[0]).toBe('not run: there is no pilot-daemon in /nowhere');
  expect(lines.at(-2)).toMatch(/^\d+ not run$/);
  expect(lines.at(-1)).toBe('0 passed, 0 failed');
});
