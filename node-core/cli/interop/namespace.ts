import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';

/** A network of its own with only loopback, and processes of its own that all end with the first of them. */
const UNSHARE = ['--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
const LOOPBACK_UP = 'ip link set lo up';

/** Whether this process sees nothing but loopback, so that nothing it starts can reach another machine. */
export function isAlone(): boolean {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .every((address) => address.internal);
}

/** Why no network of its own can be made here; undefined when it can. It takes Linux, and root or user namespaces. */
export function whyNotAlone(): string | undefined {
  if (process.platform !== 'linux') return 'the stock daemon runs in a network namespace, which takes Linux';
  const tried = spawnSync('unshare', [...unshareOptions(), 'sh', '-c', LOOPBACK_UP], { encoding: 'utf8' });
  if (tried.status === 0) return undefined;
  return `no network namespace can be made: ${tried.error?.message ?? tried.stderr.trim()}`;
}

/** Runs this program again in a network that has only loopback, with our terminal, and resolves with its exit code. */
export async function runAlone(args: readonly string[]): Promise<number> {
  const again = ['sh', '-c', `${LOOPBACK_UP} && exec "$@"`, 'sh', process.execPath, process.argv[1] as string, ...args];
  const child = spawn('unshare', [...unshareOptions(), ...again], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  endTogether(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

function unshareOptions(): readonly string[] {
  return process.getuid?.() === 0 ? UNSHARE : ['--map-root-user', ...UNSHARE];
}

function endTogether(child: ChildProcess): void {
  process.once('exit', () => child.kill('SIGKILL'));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
}
