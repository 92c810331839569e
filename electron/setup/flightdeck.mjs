/** `npm run -s flightdeck -- ARGS`: builds what is stale, then runs the command line with the arguments given. */
import { join } from 'node:path';
import { prepare } from './prepare.mjs';
import { ROOT, runInForeground, runMain, SetupError } from './steps.mjs';
import { withStockDaemon } from './stock-daemon.mjs';

await runMain(async () => {
  const args = process.argv.slice(2);
  await prepare();
  const { env, missing } = args[0] === 'interop' ? await withStockDaemon(process.env) : { env: process.env };
  if (missing !== undefined) throw new SetupError(`The stock daemon cannot be had: ${missing}`);
  return runInForeground(process.execPath, [join(ROOT, 'out/main/flightdeck.cjs'), ...args], env);
});
