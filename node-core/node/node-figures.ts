import type { NodeReport } from '../base/report.ts';
import type { PilotNodeOptions } from './node-options.ts';
import type { Memberships, NodeProfile } from './registry-profile.ts';

/** What a node says of itself: since when it runs, and how many requests its services handled. */
export class NodeFigures {
  readonly #options: Pick<PilotNodeOptions, 'exportCounts' | 'clockEpoch'>;
  readonly #startedAt: bigint;
  #requests = 0;
  #failures = 0;

  constructor(options: Pick<PilotNodeOptions, 'exportCounts' | 'clockEpoch'>, startedAt: bigint) {
    this.#options = options;
    this.#startedAt = startedAt;
  }

  countRequest(failed: boolean): void {
    this.#requests += 1;
    if (failed) this.#failures += 1;
  }

  report({ hostname, tags, version }: NodeProfile, memberships: Memberships): NodeReport {
    const exported = this.#options.exportCounts?.() ?? { recorded: 0, dropped: 0 };
    return {
      hostname,
      tags,
      groupIds: [...memberships.keys()],
      version,
      startedAt: this.#startedAt,
      clockEpoch: this.#options.clockEpoch?.() ?? 0,
      requests: this.#requests,
      failures: this.#failures,
      recorded: exported.recorded,
      exportDropped: exported.dropped,
    };
  }
}
