import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ChildHandle } from './supervisor.ts';

/**
 * Starts one of our programs in a process of its own. Its log goes to our standard error; it ends when the pipe between
 * us closes, however we die.
 */
export function forkProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): ChildHandle {
  const child = fork(program, [...args], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'], env, execArgv: [] });
  const handle: ChildHandle = {
    pid: child.pid,
    onLine: undefined,
    onExit: undefined,
    stop: (signal) => {
      child.kill(signal);
    },
  };
  if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => handle.onLine?.(line));
  child.on('error', (error) => handle.onExit?.(error.message));
  child.on('exit', (code, signal) => handle.onExit?.(signal ?? `exit code ${code}`));
  return handle;
}
