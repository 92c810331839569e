import { extname, join, normalize, sep } from 'node:path';

/** A file of the built interface. */
export interface PageFile {
  readonly path: string;
  readonly mediaType: string;
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** Where the path of a URL leads in the interface's `folder`; undefined for what cannot be a file of it. */
export function pageFile(folder: string, urlPath: string): PageFile | undefined {
  const name = urlPath === '/' ? '/index.html' : decode(urlPath);
  const path = name === undefined ? undefined : normalize(join(folder, name));
  const mediaType = path === undefined ? undefined : MEDIA_TYPES[extname(path)];
  if (path === undefined || mediaType === undefined) return undefined;
  return path.startsWith(normalize(folder + sep)) ? { path, mediaType } : undefined;
}

function decode(urlPath: string): string | undefined {
  try {
    return decodeURIComponent(urlPath);
  } catch {
    return undefined;
  }
}
