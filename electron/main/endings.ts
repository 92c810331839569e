import { app, dialog } from 'electron';
import { knownError } from '../../node-core/base/known-error.ts';
import { printFailure } from '../../node-core/io/terminal.ts';
import { ChildFailure } from '../../node-core/supervisor/failure.ts';

/** Ends the app at once with one sentence: on standard error, and where it was not started from a terminal in a dialog too. */
export function endWith(error: unknown): void {
  const known = knownError(error);
  const words = known?.message ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
  if (!(error instanceof ChildFailure)) printFailure(words); // a process of ours has said it on the same standard error
  if (app.isPackaged && app.isReady()) dialog.showErrorBox('Flightdeck cannot start', words);
  app.exit(1);
}
