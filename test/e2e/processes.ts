import { readdirSync, readFileSync } from 'node:fs';

/** The environment variable by which a test finds every process that its deck started, however deep. */
export const RUN_MARK = 'FLIGHTDECK_TEST_RUN';

export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * The living processes of one run: those that carry its mark, and those that name its data folder, since Chromium's
 * children overwrite their environment. Linux only, as the tests' runtime is.
 */
export function processesOf(run: string, dataFolder: string): MarkedProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({
      pid: Number(pid),
      command: readProc(pid, 'cmdline').replaceAll('\0', ' ').trim(),
      marked: readProc(pid, 'environ').split('\0').includes(`${RUN_MARK}=${run}`),
    }))
    .filter(({ command, marked }) => command !== '' && (marked || command.includes(dataFolder))) // a zombie has no command
    .map(({ pid, command }) => ({ pid, command }));
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it ended while we looked
  }
}
