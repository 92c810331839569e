import type { TestContext } from 'vitest';
import { whyNotAlone } from '../../node-core/cli/interop/namespace.ts';
import { notRun } from './not-run.ts';

/** Where `npm test` has put the stock programs; undefined where they could not be had. */
const FOLDER = process.env.FLIGHTDECK_STOCK_DAEMON;

/** The folder of the stock programs; ends a test as not run where there are none, or no network for them alone. */
export function stockPrograms(context: TestContext): string {
  if (FOLDER === undefined) notRun(context, 'the stock daemon could not be fetched');
  const why = whyNotAlone();
  if (why !== undefined) notRun(context, why);
  return FOLDER;
}
