import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchApp, type RunningApp } from '../e2e/launch.ts';
import { type MarkedProcess, processesOf } from '../e2e/processes.ts';
import { connectWhenReady, waitForLiveAgents } from '../support/deck-connection.ts';
import { residentMegabytes } from './memory.ts';
import type { BenchRow } from './row.ts';

const AGENTS = 24;
const STEADY_AFTER_MS = 10_000;
const LIMIT_MS = 120_000;

/** From launch to the first painted window and to a live graph in real Electron, then memory ten seconds later. */
export async function measure(): Promise<BenchRow[]> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'flightdeck-bench-'));
  const launchedAt = Date.now();
  const app = await launchApp(dataFolder, ['--fleet', String(AGENTS), '--otlp-http', '127.0.0.1:0']);
  try {
    const firstPaint = (await firstPaintAt(app)) - launchedAt;
    const connection = await connectWhenReady(dataFolder, LIMIT_MS);
    await waitForLiveAgents(connection, AGENTS, LIMIT_MS);
    const liveGraph = Date.now() - launchedAt;
    connection.close();
    await sleep(STEADY_AFTER_MS);
    return [
      { name: 'first_paint_ms', value: firstPaint, unit: 'ms', budget: 4_000 },
      { name: 'live_graph_ms', value: liveGraph, unit: 'ms', budget: 15_000 },
      ...(await memoryRows(app)),
    ];
  } finally {
    await app.electron.close();
    await rm(dataFolder, { recursive: true, force: true });
  }
}

/** Unix milliseconds at which the window both had painted content and was shown. */
async function firstPaintAt({ page, electron }: RunningApp): Promise<number> {
  const paintedAt = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          const entry = list.getEntriesByName('first-contentful-paint')[0];
          if (entry !== undefined) resolve(performance.timeOrigin + entry.startTime);
        }).observe({ type: 'paint', buffered: true });
      }),
  );
  const shown = () =>
    electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().some((w) => w.isVisible()));
  if (await shown()) return Math.round(paintedAt);
  while (!(await shown())) await sleep(10);
  return Date.now();
}

async function memoryRows(app: RunningApp): Promise<BenchRow[]> {
  const main = app.electron.process().pid;
  const roles: readonly [string, (found: MarkedProcess) => boolean, budget?: number][] = [
    ['main', ({ pid }) => pid === main],
    ['host', ({ command }) => command.includes('--utility-sub-type=node.mojom.NodeService')],
    ['renderer', ({ command }) => command.includes('--type=renderer')],
    ['fleet', ({ command }) => /flightdeck\.cjs fleet /.test(command), 600],
  ];
  const processes = processesOf(app.run, app.dataFolder);
  return Promise.all(
    roles.map(async ([role, belongs, budget]) => {
      const sizes = await Promise.all(processes.filter(belongs).map(({ pid }) => residentMegabytes(pid)));
      if (sizes.length === 0) throw new Error(`no process of the role ${role} was found`);
      const value = Math.round(sizes.reduce((sum, size) => sum + size, 0));
      return { name: `rss_mb/${role}`, value, unit: 'MB', ...(budget === undefined ? {} : { budget }) } as const;
    }),
  );
}
