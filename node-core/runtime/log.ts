import pino, { type Logger } from 'pino';

export type { Logger };

/** The log of a process: one JSON line an entry, on standard error, so that standard output stays for results. */
export function createLog(name: string): Logger {
  return pino(
    { name, level: process.env.FLIGHTDECK_LOG ?? 'info', timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ fd: 2, sync: true }),
  );
}
