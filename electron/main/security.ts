import { readFile } from 'node:fs/promises';
import { extname, join, normalize, sep } from 'node:path';
import { app, protocol, type Session, shell } from 'electron';
import { CONTENT_SECURITY_POLICY } from '../../node-core/contract/host-link.ts';

/** The page's origin: a scheme of our own, so that no other page shares it and no file path is reachable. */
export const APP_ORIGIN = 'app://flightdeck';

/** The only sites that a click in the window may open, in the user's own browser. */
const EXTERNAL_HOSTS = new Set(['opentelemetry.io', 'www.w3.org', 'pilotprotocol.network']);

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
};

/** Has to run before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** Serves the built page from `folder` under `app://flightdeck/`, and nothing beside it. */
export function servePages(session: Session, folder: string): void {
  session.protocol.handle('app', async (request) => {
    const file = pageFile(folder, request);
    if (file === undefined) return new Response('not found', { status: 404 });
    try {
      return new Response(await readFile(file), {
        headers: {
          'content-type': MEDIA_TYPES[extname(file)] ?? 'application/octet-stream',
          'content-security-policy': CONTENT_SECURITY_POLICY,
          'x-content-type-options': 'nosniff',
          'cross-origin-opener-policy': 'same-origin',
        },
      });
    } catch {
      return new Response('not found', { status: 404 });
    }
  });
}

function pageFile(folder: string, request: Request): string | undefined {
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.host !== 'flightdeck') return undefined;
  const path = url.pathname === '/' ? '/index.html' : decodePath(url.pathname);
  const file = path === undefined ? undefined : normalize(join(folder, path));
  return file?.startsWith(folder + sep) ? file : undefined;
}

function decodePath(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** Nothing is granted: the page asks for no camera, no notifications, no clipboard reading. */
export function denyPermissions(session: Session): void {
  session.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(permission === 'clipboard-sanitized-write'),
  );
  session.setPermissionCheckHandler((_contents, permission) => permission === 'clipboard-sanitized-write');
  session.setDevicePermissionHandler(() => false);
}

/** No page may leave the app's origin, open a window or embed another page; checked links go to the user's browser. */
export function lockNavigation(): void {
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => {
      if (!isAppUrl(event.url)) event.preventDefault();
    });
    contents.on('will-attach-webview', (event) => event.preventDefault());
    contents.setWindowOpenHandler(({ url }) => {
      if (isAllowedLink(url)) void shell.openExternal(url);
      return { action: 'deny' };
    });
  });
}

export function isAppUrl(text: string): boolean {
  return text === APP_ORIGIN || text.startsWith(`${APP_ORIGIN}/`);
}

function isAllowedLink(text: string): boolean {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' && url.port === '' && url.username === '' && EXTERNAL_HOSTS.has(url.hostname);
  } catch {
    return false;
  }
}
