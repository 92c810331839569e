import pino, { type DestinationStream, type Logger } from 'pino';
import { printFailure } from '../io/terminal.ts';

export type { Logger };

/**
 * The log of a process, on standard error, so that standard output stays for results: one JSON line an entry, or, for a
 * person (`FLIGHTDECK_LOG_AS=words`, as `npm start` has it), a sentence for each trouble.
 */
export function createLog(name: string): Logger {
  const words = process.env.FLIGHTDECK_LOG_AS === 'words';
  const level = process.env.FLIGHTDECK_LOG ?? (words ? 'warn' : 'info');
  const options = { name, level, timestamp: pino.stdTimeFunctions.isoTime };
  return pino(options, words ? IN_WORDS : pino.destination({ fd: 2, sync: true }));
}

const NOT_SAID = new Set(['level', 'time', 'pid', 'hostname', 'name', 'msg']);

const IN_WORDS: DestinationStream = {
  write(line: string) {
    const entry = JSON.parse(line) as Record<string, unknown>;
    const facts = Object.entries(entry).filter(([key]) => !NOT_SAID.has(key));
    const said = facts.map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    printFailure(`${entry.name}: ${entry.msg}${said.length === 0 ? '' : ` (${said.join(', ')})`}`);
  },
};
