import { knownError } from '../base/known-error.ts';
import { Lifetime } from '../base/lifetime.ts';
import { printJson } from '../io/terminal.ts';
import { failureOf } from '../supervisor/failure.ts';

/**
 * Runs a long command: prints its one ready line on standard output, and ends it cleanly, ready or not, on SIGTERM, SIGINT
 * or when the pipe to the parent closes. What the command logs goes to standard error.
 */
export async function runUntilStopped(
  start: (lifetime: Lifetime) => Promise<Readonly<Record<string, unknown>>>,
): Promise<void> {
  const lifetime = new Lifetime();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => lifetime.end());
  if (process.send !== undefined) process.once('disconnect', () => lifetime.end());
  try {
    await lifetime.run(start, (ready) => printJson({ ready: true, ...ready }));
  } catch (error) {
    await tellParent(error);
    throw error;
  }
  process.exit(0);
}

/** A supervisor decides by it whether another start could help. */
function tellParent(error: unknown): Promise<void> {
  const known = knownError(error);
  return new Promise((resolve) => {
    if (known === undefined || process.send === undefined || !process.connected) resolve();
    else process.send(failureOf(known), () => resolve());
  });
}
