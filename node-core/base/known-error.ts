import { getSystemErrorMap } from 'node:util';
import { PilotError } from './errors.ts';

/**
 * What an error says to a person in one sentence, as a PilotError: one of ours as it is, one of the operating system with
 * its path or address in our words. Undefined for every other error, which is a fault of the program.
 */
export function knownError(error: unknown): PilotError | undefined {
  if (error instanceof PilotError) return error;
  const words = systemWords(error);
  if (words === undefined) return undefined;
  const { path, address, port, code } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (path !== undefined)
    return new PilotError('folder.unusable', `${path} cannot be used: ${words}`, {}, { cause: error });
  const where = address === undefined ? undefined : port === undefined ? address : `${address}:${port}`;
  const kind = code === 'EADDRINUSE' ? 'port.in-use' : 'config.invalid';
  const text = where === undefined ? `the system refused: ${words}` : `${where} cannot be used: ${words}`;
  return new PilotError(kind, text, {}, { cause: error });
}

/** Why the operating system refused something, "permission denied (EACCES)"; undefined for an error of another kind. */
export function systemWords(error: unknown): string | undefined {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof Error) || typeof code !== 'string' || typeof errno !== 'number') return undefined;
  const known = getSystemErrorMap().get(errno);
  return known === undefined ? undefined : `${WORDS[code] ?? known[1]} (${code})`;
}

const WORDS: Readonly<Record<string, string>> = {
  EEXIST: 'it is not a folder',
  ENOTDIR: 'it is not in a folder',
  EISDIR: 'it is a folder',
  EADDRINUSE: 'another program uses it',
  EADDRNOTAVAIL: 'it is not an address of this machine',
};
