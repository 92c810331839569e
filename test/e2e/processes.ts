import { readdirSync, readFileSync } from 'node:fs';

/** The environment variable by which a test finds every process that its deck started, however deep. */
export const RUN_MARK = 'FLIGHTDECK_TEST_RUN';

export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/** The living processes that carry the mark of one run. Linux only, as the tests' runtime is. */
export function processesOf(run: string): MarkedProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => readProc(pid, 'environ').split('\0').includes(`${RUN_MARK}=${run}`))
    .map((pid) => ({ pid: Number(pid), command: readProc(pid, 'cmdline').replaceAll('\0', ' ').trim() }))
    .filter((found) => found.command !== ''); // a zombie is not alive
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it ended while we looked
  }
}
