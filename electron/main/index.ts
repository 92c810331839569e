import { join } from 'node:path';
import { app, type BrowserWindow, session } from 'electron';
import { outliveReaders, printFailure } from '../../node-core/io/terminal.ts';
import { Deck } from './deck.ts';
import { handleDownloads } from './downloads.ts';
import { endWith } from './endings.ts';
import { parseOptions } from './options.ts';
import { APP_ORIGIN, denyPermissions, lockNavigation, registerScheme, servePages } from './security.ts';
import { takeForWindow } from './single-window.ts';
import { openWindow } from './window.ts';

const BUNDLES = __dirname;

outliveReaders();
void start().catch(endWith);

async function start(): Promise<void> {
  const { plan, downloads } = parseOptions(process.argv.slice(1));
  // the window's own files, and the links that keep it single, belong to the deck's data
  const own = join(plan.dataFolder, 'window');
  app.setPath('userData', own);
  registerScheme();
  lockNavigation();
  const lock = await takeForWindow(plan.dataFolder, own);
  if (lock !== undefined) return run(new Deck(plan, BUNDLES, lock), downloads);
  printFailure(`a window is open on ${plan.dataFolder} already; it was brought to the front`);
  app.quit();
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
  try {
    await deck.start();
  } catch (error) {
    await deck.stop();
    throw error;
  }
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
