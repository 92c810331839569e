import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { app, type BrowserWindow, session } from 'electron';
import { visibleText } from '../../node-core/base/text.ts';
import { Deck } from './deck.ts';
import { handleDownloads } from './downloads.ts';
import { parseOptions } from './options.ts';
import { APP_ORIGIN, denyPermissions, lockNavigation, registerScheme, servePages } from './security.ts';
import { openWindow } from './window.ts';

const BUNDLES = __dirname;

start();

function start(): void {
  try {
    const { plan, downloads } = parseOptions(process.argv.slice(1));
    mkdirSync(plan.dataFolder, { recursive: true, mode: 0o700 });
    // the window's own files, and the lock that keeps the app single, belong to the deck's data
    app.setPath('userData', join(plan.dataFolder, 'window'));
    registerScheme();
    lockNavigation();
    if (app.requestSingleInstanceLock()) void run(new Deck(plan, BUNDLES), downloads);
    else app.quit();
  } catch (error) {
    process.stderr.write(`flightdeck: ${visibleText(error instanceof Error ? error.message : String(error))}\n`);
    app.exit(2);
  }
}

async function run(deck: Deck, downloads: string | undefined): Promise<void> {
  await app.whenReady();
  servePages(session.defaultSession, join(BUNDLES, '../renderer'));
  denyPermissions(session.defaultSession);
  handleDownloads(session.defaultSession, downloads);
  const window = openWindow(
    { preload: join(BUNDLES, '../preload/index.cjs'), bounds: join(app.getPath('userData'), 'window.json') },
    `${APP_ORIGIN}/index.html`,
  );
  deck.show(window);
  app.on('second-instance', () => bringToFront(window));
  app.on('window-all-closed', () => app.quit());
  endInOrder(deck);
  await deck.start();
}

function bringToFront(window: BrowserWindow): void {
  if (window.isMinimized()) window.restore();
  window.focus();
}

/** The window closes at once; the app ends when every process it started has ended. */
function endInOrder(deck: Deck): void {
  let ended = false;
  app.on('will-quit', (event) => {
    if (ended) return;
    event.preventDefault();
    void deck.stop().finally(() => {
      ended = true;
      setImmediate(() => app.quit()); // a quit within the one just prevented would be lost with it
    });
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => app.quit());
}
