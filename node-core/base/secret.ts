import { PilotError } from './errors.ts';

/** As many random bytes nobody guesses. */
export const LEAST_SECRET_BYTES = 16;

/**
 * A secret given in the environment; an empty one is none.
 *
 * @throws PilotError `config.invalid` for one that could be guessed.
 */
export function givenSecret(name: string, text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  if (new TextEncoder().encode(text).length >= LEAST_SECRET_BYTES) return text;
  throw new PilotError(
    'config.invalid',
    `${name} is too short: give at least ${LEAST_SECRET_BYTES} bytes, or unset it`,
  );
}
