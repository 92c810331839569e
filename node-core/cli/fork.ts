import { forkProgram } from '../supervisor/fork.ts';
import type { ChildHandle } from '../supervisor/supervisor.ts';

/** Starts this program again in a process of its own with other arguments. */
export function forkSelf(args: readonly string[]): ChildHandle {
  return forkProgram(process.argv[1] as string, args);
}
