import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseFailure } from './failure.ts';
import type { ChildHandle } from './supervisor.ts';

/**
 * Starts one of our programs in a process of its own. Its log goes to our standard error; it ends when the pipe between
 * us closes, however we die.
 *
 * @param options.inherit - An open file that it holds too, for as long as it lives.
 */
export function forkProgram(
  program: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly inherit?: number } = {},
): ChildHandle {
  const { env = process.env, inherit } = options;
  const more = inherit === undefined ? [] : [inherit];
  const child = fork(program, [...args], { stdio: ['ignore', 'pipe', 'inherit', 'ipc', ...more], env, execArgv: [] });
  const handle: ChildHandle = {
    pid: child.pid,
    onLine: undefined,
    onFailed: undefined,
    onExit: undefined,
    stop: (signal) => {
      child.kill(signal);
    },
  };
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => handle.onLine?.(line));
  child.on('message', (message) => {
    const failure = parseFailure(message);
    if (failure !== undefined) handle.onFailed?.(failure);
  });
  child.on('error', (error) => handle.onExit?.(error.message));
  child.on('exit', (code, signal) => handle.onExit?.(signal ?? `exit code ${code}`));
  return handle;
}
