import { Lifetime } from '../base/lifetime.ts';
import { printJson } from './terminal.ts';

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
  await lifetime.run(start, (ready) => printJson({ ready: true, ...ready }));
  process.exit(0);
}
