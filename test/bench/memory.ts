import { readFile } from 'node:fs/promises';

/** What a process holds in memory now, in MB of 1,024 x 1,024 bytes. */
export async function residentMegabytes(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1_024;
}
