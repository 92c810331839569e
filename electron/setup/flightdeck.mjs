/** `npm run -s flightdeck -- ARGS`: builds what is stale, then runs the command line with the arguments given. */
import { prepare } from './prepare.mjs';
import { becomeFlightdeck, runMain, SetupError } from './steps.mjs';
import { withStockDaemon } from './stock-daemon.mjs';

await runMain(async () => {
  const args = process.argv.slice(2);
  await prepare();
  if (args[0] === 'interop') {
    const { env, missing } = await withStockDaemon(process.env);
    if (missing !== undefined) throw new SetupError(`The stock daemon cannot be had: ${missing}`);
    Object.assign(process.env, env);
  }
  await becomeFlightdeck(args);
});
