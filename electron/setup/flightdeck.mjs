/** `npm run -s flightdeck -- ARGS`: builds what is stale, then runs the command line with the arguments given. */
import { prepare } from './prepare.mjs';
import { becomeFlightdeck, runMain, say } from './steps.mjs';
import { withStockDaemon } from './stock-daemon.mjs';

await runMain(async () => {
  const args = process.argv.slice(2);
  await prepare();
  if (args[0] === 'interop' && !args.some((arg) => /^--bin(=|$)/.test(arg))) {
    const { env, missing } = await withStockDaemon(process.env);
    if (missing !== undefined) say(`The stock daemon cannot be had: ${missing}`);
    Object.assign(process.env, env);
  }
  await becomeFlightdeck(args);
});
