import { systemWords } from '../base/known-error.ts';
import { visibleJson, visibleText } from '../base/text.ts';

/** A line for a person, on standard output. Names of others act on no terminal: what is hidden in them is escaped. */
export function printLine(line: string): void {
  process.stdout.write(`${visibleText(line)}\n`);
}

/** A value as one line of JSON, on standard output. */
export function printJson(value: unknown): void {
  printJsonText(JSON.stringify(value));
}

/** A JSON text as it is, but for escapes of what is hidden in it. */
export function printJsonText(json: string): void {
  process.stdout.write(`${visibleJson(json)}\n`);
}

/** A sentence for whoever started us, why something failed say, on standard error; the lines of a stack trace stay lines. */
export function printFailure(words: string): void {
  process.stderr.write(`flightdeck: ${words.split('\n').map(visibleText).join('\n')}\n`);
}

/** Whoever reads what we print may leave at any time, which ends nothing; what cannot be written else is said, and failed. */
export function outliveReaders(): void {
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    process.exitCode = 1;
    printFailure(`standard output cannot be written: ${systemWords(error) ?? error.message}`);
  });
}
