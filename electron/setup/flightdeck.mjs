/** `npm run -s flightdeck -- ARGS`: builds what is stale, then runs the command line with the arguments given. */
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { ROOT, runInForeground, runMain } from './steps.mjs';

await runMain(async () => {
  await prepare();
  return runInForeground(process.execPath, [join(ROOT, 'out/main/flightdeck.cjs'), ...process.argv.slice(2)]);
});
