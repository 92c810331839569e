import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckdbSpanStore } from '../../node-core/collector/duckdb/duckdb-span-store.ts';
import type { StoreLimits } from '../../node-core/collector/duckdb/retention.ts';
import { Duckdb } from '../../node-core/io/duckdb.ts';
import { FileFolder } from '../../node-core/io/store-folder.ts';
import { MachineClock } from './machine-clock.ts';
import { T0 } from './spans.ts';

const ROOMY: StoreLimits = { capBytes: 1e9, days: 14, bytesOfAFile: 1e9, bytesOfALog: 16e6, leastFreeBytes: 0 };

/** A store of DuckDB in a folder, with a clock that the test sets. What it says is in `problems`. */
export class DuckdbGround {
  readonly folder: string;
  readonly clock = new MachineClock(T0);
  readonly problems: string[] = [];
  /** Instances of the database that were opened so far. */
  opened = 0;
  #store: DuckdbSpanStore | undefined;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Opens nothing yet. @param folder - By default one of its own. */
  static async make(folder?: string): Promise<DuckdbGround> {
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    return new DuckdbGround(folder ?? (await mkdtemp(join(tmpdir(), 'span-store-'))));
  }

  get store(): DuckdbSpanStore {
    if (this.#store === undefined) throw new Error('the store is not open');
    return this.#store;
  }

  /** Opens the store on what is there, after closing it. */
  async open(limits: Partial<StoreLimits> = {}, memoryLimit = '256MB'): Promise<DuckdbSpanStore> {
    await this.close();
    const folder = await FileFolder.open(this.folder);
    this.#store = await DuckdbSpanStore.open({
      openDatabase: () => {
        this.opened += 1;
        return Duckdb.open({ spillFolder: folder.path('spill'), memoryLimit, threads: 1 });
      },
      folder,
      limits: { ...ROOMY, ...limits },
      clock: this.clock,
      onProblem: (text) => this.problems.push(text),
    });
    return this.#store;
  }

  async close(): Promise<void> {
    await this.#store?.close();
    this.#store = undefined;
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.folder, { recursive: true });
  }
}
