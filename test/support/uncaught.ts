/** Every error that nobody caught while `work` ran: each would have ended a process of ours. */
export async function uncaughtDuring(work: () => Promise<void>): Promise<string[]> {
  const uncaught: string[] = [];
  const note = (error: unknown): void => void uncaught.push(String(error));
  const usual = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', note);
  try {
    await work();
  } finally {
    process.off('uncaughtException', note);
    for (const listener of usual) process.on('uncaughtException', listener);
  }
  return uncaught;
}
