import { readdir, readFile } from 'node:fs/promises';

/** The command lines of running processes that name the folder, as their words are. Linux only, as the tests' machine is. */
export async function processesOfFolder(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return commands.filter((command) => command.includes(folder)).map((command) => command.replaceAll('\0', ' '));
}
