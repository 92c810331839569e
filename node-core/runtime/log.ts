import pino, { type Logger } from 'pino';
import { visibleJson } from '../base/text.ts';

export type { Logger };

/**
 * The log of a process: one JSON line an entry, on standard error, so that standard output stays for results. What is hidden
 * in names of others is escaped, since the line may be read on a terminal.
 */
export function createLog(name: string): Logger {
  const standardError = pino.destination({ fd: 2, sync: true });
  return pino(
    { name, level: process.env.FLIGHTDECK_LOG ?? 'info', timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => standardError.write(visibleJson(line)) },
  );
}
