import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runStep, SetupError, say } from './steps.mjs';

/** What Electron's window needs. `probe` is how presence is seen: a library's name, or a program's. */
export const ELECTRON_LIBRARIES = [
  { name: 'libgtk-3-0', probe: 'libgtk-3.so.0' },
  { name: 'libnss3', probe: 'libnss3.so' },
  { name: 'libasound2', probe: 'libasound.so.2' },
  { name: 'libgbm1', probe: 'libgbm.so.1' },
  { name: 'libxss1', probe: 'libXss.so.1' },
  { name: 'libatk-bridge2.0-0', probe: 'libatk-bridge-2.0.so.0' },
  { name: 'libsecret-1-0', probe: 'libsecret-1.so.0' },
];
/** What tests need besides: a display without a screen, a browser, and networks with routers of their own. */
export const TEST_PROGRAMS = [
  { name: 'xvfb', probe: 'Xvfb' },
  { name: 'xauth', probe: 'xauth' },
  { name: 'chromium', probe: 'chromium' },
  { name: 'iproute2', probe: 'ip' },
  { name: 'iptables', probe: 'iptables' },
];

/** Where a program is on the search path, or undefined. */
export function findProgram(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/**
 * Installs the Debian packages that are missing. Off Linux nothing is needed.
 *
 * @throws SetupError naming the command that an administrator has to run.
 */
export async function installPackages(packages, purpose) {
  if (process.platform !== 'linux') return;
  const missing = missingOf(packages);
  if (missing.length === 0) return;
  const names = missing.map((item) => item.name);
  const mend = `Run "apt-get update && apt-get install -y --no-install-recommends ${names.join(' ')}" as root, then try again.`;
  if (process.getuid() !== 0 || findProgram('apt-get') === undefined) {
    throw new SetupError(`These Debian packages are missing: ${names.join(', ')}. ${mend}`);
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  say(
    `${purpose} needs Debian packages that are missing: ${names.join(', ')}. apt-get installs them now, since this is root.`,
  );
  await runStep('Reading the list of Debian packages', 'apt-get', ['update', '-qq'], { mend, env });
  const install = ['install', '-y', '-qq', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300', ...names];
  await runStep(`Installing ${names.join(', ')}`, 'apt-get', install, { mend, env });
  const still = missingOf(missing).map((item) => item.name);
  if (still.length > 0) throw new SetupError(`Still missing after the installation: ${still.join(', ')}. ${mend}`);
}

function missingOf(packages) {
  const ldconfig = findProgram('ldconfig') ?? '/sbin/ldconfig';
  const libraries = spawnSync(ldconfig, ['-p'], { encoding: 'utf8' }).stdout ?? '';
  return packages.filter(({ probe }) =>
    probe.includes('.so') ? !libraries.includes(`${probe} `) : findProgram(probe) === undefined,
  );
}
