import { readFile } from 'node:fs/promises';
import { app, protocol, type Session, shell } from 'electron';
import { pageFile } from '../../node-core/base/page-file.ts';
import { CONTENT_SECURITY_POLICY } from '../../node-core/contract/host-link.ts';

/** The page's origin: a scheme of our own, so that no other page shares it and no file path is reachable. */
export const APP_ORIGIN = 'app://flightdeck';

/** The only sites that a click in the window may open, in the user's own browser. */
const EXTERNAL_HOSTS = new Set(['opentelemetry.io', 'www.w3.org', 'pilotprotocol.network']);

/** Has to run before the app is ready. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ]);
}

/** Serves the built page from `folder` under `app://flightdeck/`, and nothing beside it. */
export function servePages(session: Session, folder: string): void {
  session.protocol.handle('app', async (request) => {
    const url = new URL(request.url);
    const page = request.method === 'GET' && url.host === 'flightdeck' ? pageFile(folder, url.pathname) : undefined;
    const bytes = await (page && readFile(page.path).catch(() => undefined));
    if (page === undefined || bytes === undefined) return new Response('not found', { status: 404 });
    return new Response(bytes, {
      headers: {
        'content-type': page.mediaType,
        'content-security-policy': CONTENT_SECURITY_POLICY,
        'x-content-type-options': 'nosniff',
        'cross-origin-opener-policy': 'same-origin',
      },
    });
  });
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
