import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InteropBench } from './interop/bench.ts';
import { DECK_CASES } from './interop/deck-cases.ts';
import { DIRECTORY_CASES } from './interop/directory-cases.ts';
import type { InteropCase } from './interop/interop-case.ts';
import { MESSAGE_CASES } from './interop/message-cases.ts';
import { isAlone, runAlone, whyNotAlone } from './interop/namespace.ts';
import { PATH_CASES } from './interop/path-cases.ts';
import { RESTART_CASES } from './interop/restart-cases.ts';
import { STOCK_PROGRAMS } from './interop/stock-daemon.ts';
import { STREAM_CASES } from './interop/stream-cases.ts';
import { TRAFFIC_CASES } from './interop/traffic-cases.ts';
import { TRUST_CASES } from './interop/trust-cases.ts';

export interface InteropOptions {
  /** The folder with the stock programs. */
  readonly bin: string | undefined;
  /** Only cases whose name contains one of these. */
  readonly only: readonly string[];
}

const CASES: readonly InteropCase[] = [
  ...DIRECTORY_CASES,
  ...TRAFFIC_CASES,
  ...MESSAGE_CASES,
  ...STREAM_CASES,
  ...PATH_CASES,
  ...TRUST_CASES,
  ...DECK_CASES,
  ...RESTART_CASES,
];

/** What stock offers and we do not yet. Never counted as passed. */
const NOT_BUILT = [
  'files: pilotctl send-file, frame types 4 and 7',
  'event stream: pilotctl publish and subscribe, port 1002',
  'trust: handshakes of stock, port 444, and requests to us in the mailbox',
  'nameserver, port 53',
  'local socket: pilotctl against our node',
  'compat: the tunnel over WebSocket',
];

const CASE_LIMIT_MS = 120_000;

/**
 * Runs stock 1.18.0 and our nodes together, in a network that has only loopback, and writes a line for each case. The last
 * line is `N passed, N failed`.
 *
 * @returns the exit status: 1 when a case failed.
 */
export async function runInterop({ bin, only }: InteropOptions, write: (line: string) => void): Promise<number> {
  const cases = CASES.filter(({ name }) => only.length === 0 || only.some((words) => name.includes(words)));
  const reason = whyNot(bin);
  if (bin === undefined || reason !== undefined) {
    write(`not run: ${reason}`);
    writeTotals({ passed: 0, failed: 0, notRun: cases.length }, write);
    return 0;
  }
  if (!isAlone()) return runAlone(['interop', '--bin', bin, ...only.flatMap((words) => ['--only', words])]);
  process.once('disconnect', () => process.exit(1)); // whoever started us is gone
  return runCases(bin, cases, write);
}

function whyNot(bin: string | undefined): string | undefined {
  if (bin === undefined) return 'no folder with the stock programs is given (--bin DIR)';
  const missing = STOCK_PROGRAMS.find((name) => !existsSync(join(bin, name)));
  if (missing !== undefined) return `there is no ${missing} in ${bin}`;
  return isAlone() ? undefined : whyNotAlone();
}

async function runCases(bin: string, cases: readonly InteropCase[], write: (line: string) => void): Promise<number> {
  const totals = { passed: 0, failed: 0, notRun: 0 };
  const bench = await InteropBench.open(bin);
  try {
    for (const one of cases) {
      const startedAt = performance.now();
      const line = (verdict: string, more: string) => {
        const ms = (performance.now() - startedAt).toFixed(0).padStart(6);
        write(`${verdict.padEnd(6)} ${ms} ms  ${one.name}${more === '' ? '' : ` (${more})`}`);
      };
      try {
        const measured = await within(CASE_LIMIT_MS, one.run(bench));
        totals.passed += 1;
        line('ok', measured ?? '');
      } catch (error) {
        totals.failed += 1;
        line('failed', (error as Error).message);
      }
    }
  } finally {
    await bench.close();
  }
  writeTotals(totals, write);
  return totals.failed > 0 ? 1 : 0;
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${limitMs} ms`)), limitMs);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function writeTotals(
  totals: { readonly passed: number; readonly failed: number; readonly notRun: number },
  write: (line: string) => void,
): void {
  for (const name of NOT_BUILT) write(`not built         ${name}`);
  write(`${NOT_BUILT.length} not built`);
  if (totals.notRun > 0) write(`${totals.notRun} not run`);
  write(`${totals.passed} passed, ${totals.failed} failed`);
}
