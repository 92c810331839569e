import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import type { CollectorEvents, DeckCollector } from '../../node-core/collector-thread/deck-collector.ts';
import { type CollectorOptions, startCollector } from '../../node-core/collector-thread/start-collector.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ANY = { host: '127.0.0.1', port: 0 };
const silent: CollectorEvents = { onReports() {}, onFigures() {}, onClocks() {}, onProblem() {}, onTrouble() {} };

/** Programs of node-core as a worker or a process runs them: bundled from the sources as they are, in a folder of their own. */
export class Bundle {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param entries - Sources by the name of the program, relative to the checkout. */
  static async make(entries: Readonly<Record<string, string>>): Promise<Bundle> {
    await mkdir(`${root}out`, { recursive: true });
    const folder = await mkdtemp(`${root}out/test-bundle-`); // inside the checkout, where native modules are found
    await build({
      root,
      configFile: false,
      logLevel: 'error',
      ssr: { noExternal: true },
      build: {
        ssr: true,
        target: 'node18',
        outDir: folder,
        rollupOptions: {
          external: ['fs-native-extensions', /^@duckdb\//],
          input: Object.fromEntries(Object.entries(entries).map(([name, source]) => [name, `${root}${source}`])),
          output: { format: 'cjs', entryFileNames: '[name].cjs', chunkFileNames: '[name]-[hash].cjs' },
        },
      },
    });
    return new Bundle(folder);
  }

  path(name: string): string {
    return `${this.folder}/${name}.cjs`;
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}

export const collectorBundle = (): Promise<Bundle> =>
  Bundle.make({ 'collector-thread': 'node-core/collector-thread/collector-thread.ts' });

/** The collector with its thread, on any port, with its store in `folder`. */
export function startTestCollector(
  bundle: Bundle,
  folder: string,
  events: Partial<CollectorEvents> = {},
  options: Partial<CollectorOptions> = {},
): Promise<DeckCollector> {
  return startCollector(
    { folder, listen: [ANY], thread: bundle.path('collector-thread'), ...options },
    { ...silent, ...events },
  );
}
