/**
 * `npm test`: sets up what is missing, then runs lint, types, unit, integration and end-to-end tests. The last line is
 * `N passed, N failed`; lint and types count as one check each. What needs PyPI and cannot have it is `N not run`.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ELECTRON_LIBRARIES, installPackages, TEST_PROGRAMS } from '../electron/setup/debian.mjs';
import { findTestElectron } from '../electron/setup/electron-runtime.mjs';
import { prepare } from '../electron/setup/prepare.mjs';
import { ROOT, runMain, say } from '../electron/setup/steps.mjs';
import { withStockDaemon } from '../electron/setup/stock-daemon.mjs';

const RESULTS = join(ROOT, 'test-results');
const CHECK_LIMIT_MS = 25 * 60_000;

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
    display: true,
    count: () => countPlaywright(readReport('e2e')),
  },
];

await runMain(async () => {
  await installPackages([...ELECTRON_LIBRARIES, ...TEST_PROGRAMS]);
  await prepare();
  const { env: found, missing } = await withStockDaemon(process.env);
  if (missing !== undefined) say(`Tests against the stock daemon cannot run here: ${missing}`);
  const env = { ...found, ELECTRON_OVERRIDE_DIST_PATH: await findTestElectron() };
  rmSync(RESULTS, { recursive: true, force: true });
  mkdirSync(RESULTS);
  const total = { passed: 0, failed: 0, notRun: 0 };
  for (const check of CHECKS) {
    const counts = await runCheck(check, env);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  if (total.notRun > 0) console.log(`${total.notRun} not run`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
});

/** Runs one check to its end. One that fails without a single counted failure still counts as one. */
async function runCheck({ title, args, display = false, count }, env) {
  say(`\n== ${title}`);
  const command = [process.execPath, ...args];
  const code = await run(display ? ['xvfb-run', '-a', '-s', '-screen 0 1920x1200x24', ...command] : command, env);
  const counts = count?.() ?? { passed: code === 0 ? 1 : 0, failed: 0, notRun: 0 };
  if (code !== 0 && counts.failed === 0) counts.failed = 1;
  say(`== ${title}: ${counts.passed} passed, ${counts.failed} failed`);
  return counts;
}

function run([program, ...args], env) {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: CHECK_LIMIT_MS,
    });
    child.once('error', (error) => {
      say(error.message);
      done(1);
    });
    child.once('exit', (code) => done(code ?? 1));
  });
}

function readReport(name) {
  const file = join(RESULTS, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** A test that says why it cannot run (test/support/not-run.ts) lacks something from PyPI; any other skip has failed. */
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
