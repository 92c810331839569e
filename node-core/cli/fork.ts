import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ChildHandle } from '../supervisor/supervisor.ts';

/**
 * Starts this program again in a process of its own with other arguments. The child's log goes to our standard error;
 * it ends when the pipe between us closes, however we die.
 */
export function forkSelf(args: readonly string[]): ChildHandle {
  const child = fork(process.argv[1] as string, [...args], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
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
