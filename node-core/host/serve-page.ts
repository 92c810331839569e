import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { pageFile } from '../base/page-file.ts';

/**
 * Sends a file of the built interface as it is now: it may be replaced or deleted at any time, also while it is read.
 * False, with nothing sent, when there is no such file.
 */
export async function servePage(
  folder: string,
  target: string,
  reply: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Promise<boolean> {
  const page = pageFile(folder, target.replace(/[?#].*$/s, ''));
  const file = await (page && open(page.path).catch(() => undefined));
  if (page === undefined || file === undefined) return false;
  reply.writeHead(200, { 'content-type': page.mediaType, 'cache-control': 'no-cache', ...headers });
  pipeline(file.createReadStream(), reply, () => {}); // a file that cannot be read to its end breaks the reply off
  return true;
}
