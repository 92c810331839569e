import { readFileSync, writeFileSync } from 'node:fs';
import { BrowserWindow, nativeTheme, type Rectangle, screen } from 'electron';

export interface WindowFiles {
  readonly preload: string;
  /** Where the window's place and size are kept between runs. */
  readonly bounds: string;
}

const DEFAULT_SIZE = { width: 1440, height: 900 };
const MIN_SIZE = { minWidth: 640, minHeight: 480 };

/** Opens the one window; it is shown once its first frame is painted, so nobody sees it empty. */
export function openWindow(files: WindowFiles, url: string): BrowserWindow {
  const window = new BrowserWindow({
    ...DEFAULT_SIZE,
    ...rememberedBounds(files.bounds),
    ...MIN_SIZE,
    title: 'Flightdeck',
    show: false,
    autoHideMenuBar: true,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0f1214' : '#f4f5f5',
    webPreferences: {
      preload: files.preload,
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      spellcheck: false,
    },
  });
  window.once('ready-to-show', () => window.show());
  window.on('close', () => writeFileSync(files.bounds, JSON.stringify(window.getNormalBounds())));
  void window.loadURL(url);
  return window;
}

/** The bounds of the last run, if a screen is still there to show them. */
function rememberedBounds(file: string): Rectangle | undefined {
  const bounds = readBounds(file);
  if (bounds === undefined) return undefined;
  const { workArea } = screen.getDisplayMatching(bounds);
  const overlapX = Math.min(bounds.x + bounds.width, workArea.x + workArea.width) - Math.max(bounds.x, workArea.x);
  const overlapY = Math.min(bounds.y + bounds.height, workArea.y + workArea.height) - Math.max(bounds.y, workArea.y);
  return overlapX >= 100 && overlapY >= 100 ? bounds : undefined;
}

function readBounds(file: string): Rectangle | undefined {
  try {
    const { x, y, width, height } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const numbers = [x, y, width, height].filter((value): value is number => Number.isInteger(value));
    const [left, top, wide, high] = numbers;
    if (left === undefined || top === undefined || wide === undefined || high === undefined) return undefined;
    return { x: left, y: top, width: wide, height: high };
  } catch {
    return undefined; // the first run, or a file that was cut short
  }
}
