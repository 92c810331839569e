import { type Clock, unixMillis } from '../base/clock.ts';
import type { CollectorFigures } from '../collector-thread/deck-collector.ts';
import type { DeckStatus, LedgerStage } from '../contract/status.ts';
import type { GraphPicture } from '../mesh/graph-layers.ts';
import { VERSION } from '../runtime/version.ts';

type ServiceState = { readonly state: 'ok' | 'away' | 'connecting'; readonly since: number };

const PERIOD_MS = 1_000;

/** Gathers what the status line says, and feeds it once a second and at each change. */
export class DeckStatusBoard {
  readonly #clock: Clock;
  readonly #fixed: Pick<DeckStatus, 'networkName' | 'otlpHttp' | 'otlpTaken'>;
  readonly #startedAt: number;
  readonly #readers = new Set<() => void>();
  #self: DeckStatus['self'];
  #registry: ServiceState & { readonly address: string; readonly rttMs?: number };
  #beacon: ServiceState & { readonly id: string };
  #figures: CollectorFigures = { spansPerSecond: 0, ledger: [], store: { spans: 0, bytes: 0, capBytes: 0 } };
  #sources: DeckStatus['sources'] = { live: 0, known: 0, away: [] };
  #relayed = new Map<string, number>();
  #nodeStages: readonly LedgerStage[] = [];

  constructor(
    clock: Clock,
    options: Pick<DeckStatus, 'networkName' | 'otlpHttp' | 'otlpTaken'> & {
      readonly registry: string;
      readonly beacon: string;
    },
  ) {
    this.#clock = clock;
    const { registry, beacon, ...fixed } = options;
    this.#fixed = fixed;
    this.#startedAt = this.#nowMs();
    this.#registry = { address: registry, state: 'connecting', since: this.#startedAt };
    this.#beacon = { id: beacon, state: 'connecting', since: this.#startedAt };
  }

  get beacon(): ServiceState & { readonly id: string } {
    return this.#beacon;
  }

  setSelf(self: NonNullable<DeckStatus['self']>): void {
    this.#self = self;
    this.#notify();
  }

  setRegistry(state: 'ok' | 'away', since: number, rttMs: number | undefined): void {
    this.#registry = { ...this.#registry, state, since, ...(rttMs === undefined ? {} : { rttMs }) };
    this.#notify();
  }

  setBeacon(id: string, state: 'ok' | 'away', since: number): void {
    if (this.#beacon.id === id && this.#beacon.state === state) return;
    this.#beacon = { id, state, since };
    this.#notify();
  }

  setFigures(figures: CollectorFigures): void {
    this.#figures = figures;
  }

  setNodeStages(stages: readonly LedgerStage[]): void {
    this.#nodeStages = stages;
  }

  setPicture(picture: GraphPicture): void {
    const reporting = [...picture.agents.values()].filter((agent) => agent.reports);
    const away = reporting.filter(({ live, self, health }) => !live && !self && health.state === 'failing');
    this.#sources = {
      live: reporting.length - away.length,
      known: reporting.length,
      away: away.map(({ hostname }) => hostname),
    };
    this.#relayed = new Map([...picture.beacons.values()].map(({ id, relayedTunnels }) => [id, relayedTunnels]));
  }

  async *watch(signal: AbortSignal): AsyncGenerator<DeckStatus, void, undefined> {
    let wake: () => void = () => {};
    const notice = () => wake();
    this.#readers.add(notice);
    signal.addEventListener('abort', notice);
    try {
      while (!signal.aborted) {
        yield this.#status();
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, PERIOD_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    } finally {
      this.#readers.delete(notice);
      signal.removeEventListener('abort', notice);
    }
  }

  #status(): DeckStatus {
    const { id, state, since } = this.#beacon;
    return {
      at: this.#nowMs(),
      startedAt: this.#startedAt,
      version: VERSION,
      ...this.#fixed,
      ...(this.#self === undefined ? {} : { self: this.#self }),
      registry: this.#registry,
      beacons: [{ id, state, since, relayedTunnels: this.#relayed.get(id) ?? 0 }],
      sources: this.#sources,
      spansPerSecond: this.#figures.spansPerSecond,
      ledger: [...this.#nodeStages, ...this.#figures.ledger],
      store: this.#figures.store,
    };
  }

  #notify(): void {
    for (const wake of this.#readers) wake();
  }

  #nowMs(): number {
    return unixMillis(this.#clock.now().unixNano);
  }
}
