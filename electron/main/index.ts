import { join } from 'node:path';
import { app, session } from 'electron';
import { APP_ORIGIN, denyPermissions, lockNavigation, registerScheme, servePages } from './security.ts';
import { openWindow } from './window.ts';

registerScheme();
lockNavigation();

if (app.requestSingleInstanceLock()) void run();
else app.quit();

async function run(): Promise<void> {
  await app.whenReady();
  servePages(session.defaultSession, join(__dirname, '../renderer'));
  denyPermissions(session.defaultSession);
  const window = openWindow(
    { preload: join(__dirname, '../preload/index.cjs'), bounds: join(app.getPath('userData'), 'window.json') },
    `${APP_ORIGIN}/index.html`,
  );
  app.on('second-instance', () => {
    if (window.isMinimized()) window.restore();
    window.focus();
  });
  app.on('window-all-closed', () => app.quit());
}
