/**
 * Runs a long command: prints its one ready line on standard output, and ends it cleanly on SIGTERM, SIGINT or when the
 * pipe to the parent closes. What the command logs goes to standard error.
 */
export async function runUntilStopped(
  start: () => Promise<{ readonly ready: Readonly<Record<string, unknown>>; stop(): Promise<void> }>,
): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
    if (process.send !== undefined) process.once('disconnect', () => resolve());
  });
  const running = await start();
  process.stdout.write(`${JSON.stringify({ ready: true, ...running.ready })}\n`);
  await stopped;
  await running.stop();
  process.exit(0);
}
