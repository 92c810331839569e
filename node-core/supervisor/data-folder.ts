import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a deck keeps its data: `--data DIR`, else by the XDG base directory specification. */
export function dataFolder(chosen?: string): string {
  if (chosen !== undefined) return chosen;
  return join(process.env.XDG_DATA_HOME || join(homedir(), '.local', 'share'), 'flightdeck');
}
