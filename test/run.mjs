/**
 * `npm test`: sets up what is missing, then runs lint, types, unit, integration and end-to-end tests. The last line is
 * `N passed, N failed`; build, lint and types count as one check each. What needs PyPI and cannot have it is `N not run`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ELECTRON_LIBRARIES, installPackages, TEST_PROGRAMS } from '../electron/setup/debian.mjs';
import { findTestElectron } from '../electron/setup/electron-runtime.mjs';
import { prepare } from '../electron/setup/prepare.mjs';
import { ROOT, runInForeground, runMain, SetupError, say } from '../electron/setup/steps.mjs';
import { withStockDaemon } from '../electron/setup/stock-daemon.mjs';

const RESULTS = join(ROOT, 'test-results');
const CHECK_LIMIT_MS = 25 * 60_000;
const XVFB = ['xvfb-run', '-a', '-s', '-screen 0 1920x1200x24'];

const vitest = (project) => ({
  title: `${project} tests`,
  args: [
    'node_modules/vitest/vitest.mjs',
    ...['run', '--config', 'test/config/vitest.config.ts', '--project', project],
    ...['--reporter=default', '--reporter=json', `--outputFile.json=test-results/${project}.json`],
  ],
  count: () => countVitest(readReport(project)),
});
const CHECKS = [
  { title: 'lint', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'] },
  { title: 'types', args: ['node_modules/typescript/bin/tsc', '-b'] },
  vitest('fast'),
  vitest('integration'),
  {
    title: 'end-to-end tests (real Electron under Xvfb, real Chromium)',
    args: ['node_modules/@playwright/test/cli.js', 'test', '-c', 'test/config/playwright.config.ts'],
    built: true,
    count: () => countPlaywright(readReport('e2e')),
  },
];

await runMain(async () => {
  await installPackages([...ELECTRON_LIBRARIES, ...TEST_PROGRAMS], 'Testing the window');
  await prepare({ build: false });
  const { env: found, missing } = await withStockDaemon(process.env);
  if (missing !== undefined) say(`Tests against the stock daemon cannot run here: ${missing}`);
  const env = { ...found, ELECTRON_OVERRIDE_DIST_PATH: await findTestElectron() };
  rmSync(RESULTS, { recursive: true, force: true });
  mkdirSync(RESULTS);
  const total = await build();
  const checks = total.failed === 0 ? CHECKS : CHECKS.filter((check) => !check.built);
  for (const check of checks) {
    const counts = await runCheck(check, env);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  if (total.notRun > 0) console.log(`${total.notRun} not run`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});

/** The production build is a check too; what drives the built app does not run against an older one. */
async function build() {
  try {
    await prepare();
    return { passed: 1, failed: 0, notRun: 0 };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    return { passed: 0, failed: 1, notRun: 0 };
  }
}

/** Runs one check to its end. One that fails without a single counted failure still counts as one. */
async function runCheck({ title, args, built = false, count }, env) {
  say(`\n== ${title}`);
  const command = [...(built ? XVFB : []), process.execPath, ...args];
  const code = await runInForeground(command[0], command.slice(1), { cwd: ROOT, env, limitMs: CHECK_LIMIT_MS });
  const counts = count?.() ?? { passed: code === 0 ? 1 : 0, failed: 0, notRun: 0 };
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  say(`== ${title}: ${counts.passed} passed, ${counts.failed} failed`);
  return counts;
}

function readReport(name) {
  const file = join(RESULTS, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** A test that says why it cannot run (test/support/not-run.ts) lacks the stock programs or their network; any other skip has failed. */
function countVitest(report) {
  if (report === undefined) return { passed: 0, failed: 1, notRun: 0 };
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === 'passed').length;
  const notRun = tests.filter((test) => test.status !== 'passed' && test.meta?.notRun !== undefined).length;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  return { passed, failed: tests.length - passed - notRun + brokenFiles.length, notRun };
}

function countPlaywright(report) {
  if (report === undefined) return { passed: 0, failed: 1, notRun: 0 };
  const { expected, unexpected, flaky, skipped } = report.stats;
  return { passed: expected, failed: unexpected + flaky + skipped + report.errors.length, notRun: 0 };
}
