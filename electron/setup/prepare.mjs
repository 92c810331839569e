import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT, runStep, SetupError, say } from './steps.mjs';

const MODULES_STAMP = join(ROOT, 'node_modules/.flightdeck-stamp');
const BUILD_STAMP = join(ROOT, 'out/.flightdeck-stamp');
const LOCK = join(ROOT, '.cache/setup.lock');
const SOURCES = ['node-core', 'electron', 'renderer'];
/** Beside the sources, and no part of the build. */
const NOT_BUILT = /^electron\/(setup|docs)\/|\.(md|tsbuildinfo)$/;

/**
 * Makes the checkout ready to run: Node's version, dependencies as in the lock, and a build of the sources as they are.
 * Does nothing where all is in place; two commands started at once wait for each other.
 *
 * @param options.build - False where only the dependencies are wanted.
 */
export async function prepare({ build = true } = {}) {
  checkNode();
  if (isReady(build)) return;
  await withLock(async () => {
    if (!hasModules()) await installModules();
    if (build && !hasBuild()) await buildAll();
  });
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`Node ${process.versions.node} is too old: install Node 20.19 or newer, then try again.`);
}

function isReady(build) {
  return hasModules() && (!build || hasBuild());
}

function hasModules() {
  return readStamp(MODULES_STAMP) === modulesStamp();
}

function hasBuild() {
  return readStamp(BUILD_STAMP) === buildStamp();
}

async function installModules() {
  // exactly the lock, and no program of a package runs: none of ours needs its own to be run (Electron's runtime is
  // fetched by electron-runtime.mjs, when a window is wanted)
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const mend = 'Check that the npm registry can be reached, delete node_modules and try again.';
  await runStep('Installing the dependencies (about 350 MB in node_modules)', 'npm', args, { mend });
  writeFileSync(MODULES_STAMP, modulesStamp());
}

async function buildAll() {
  const stamp = buildStamp();
  rmSync(BUILD_STAMP, { force: true });
  const program = join(ROOT, 'node_modules/electron-vite/bin/electron-vite.js');
  const args = [program, 'build', '-c', 'electron/electron.vite.config.ts'];
  const mend = 'Mend the error above (or go back to a state that builds) and try again.';
  await runStep('Building the app', process.execPath, args, { mend });
  writeFileSync(BUILD_STAMP, stamp);
}

function readStamp(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/** Native modules depend on platform and architecture, so a checkout shared between machines installs anew. */
function modulesStamp() {
  const hash = createHash('sha256').update(readFileSync(join(ROOT, 'package-lock.json')));
  return `${hash.digest('hex')} ${process.platform} ${process.arch}`;
}

/** Over the sources' contents: times change with every checkout, contents do not. */
function buildStamp() {
  const hash = createHash('sha256').update(modulesStamp());
  for (const file of ['package.json', ...SOURCES.flatMap(filesUnder)]) {
    hash.update(`\0${file}\0`).update(readFileSync(join(ROOT, file)));
  }
  return hash.digest('hex');
}

function filesUnder(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !NOT_BUILT.test(file))
    .sort();
}

async function withLock(work) {
  mkdirSync(dirname(LOCK), { recursive: true });
  for (let told = false; !takeLock(); await sleep(500)) {
    if (!told) say('Another command sets this checkout up; waiting for it …');
    told = true;
  }
  try {
    await work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function takeLock() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
    return true;
  } catch {
    if (!isAlive(Number(readStamp(LOCK)))) rmSync(LOCK, { force: true });
    return false;
  }
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return true; // the holder is just writing its number
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
