/** `npm run bench -- SUITE [--json FILE]`: sets up what the suite needs, then measures the production build. */
import { join } from 'node:path';
import { ELECTRON_LIBRARIES, installPackages, TEST_PROGRAMS } from './debian.mjs';
import { findTestElectron } from './electron-runtime.mjs';
import { prepare } from './prepare.mjs';
import { ROOT, runInForeground, runMain } from './steps.mjs';

/** Suites that open the app's window; without a display they get one that nobody sees. */
const WINDOW_SUITES = new Set(['startup']);

await runMain(async () => {
  const args = process.argv.slice(2);
  const command = [process.execPath, join(ROOT, 'test/bench/run.mjs'), ...args];
  const needsWindow = args.some((arg) => WINDOW_SUITES.has(arg));
  if (needsWindow) await installPackages([...ELECTRON_LIBRARIES, ...TEST_PROGRAMS]);
  await prepare();
  const env = needsWindow ? { ...process.env, ELECTRON_OVERRIDE_DIST_PATH: await findTestElectron() } : process.env;
  const shown =
    process.env.DISPLAY || !needsWindow ? command : ['xvfb-run', '-a', '-s', '-screen 0 1920x1200x24', ...command];
  return runInForeground(shown[0], shown.slice(1), { env });
});
