import { congestionDeviations } from './congestion-deviations.ts';
import type { Deviation } from './deviation.ts';
import { exchangeDeviations } from './exchange-deviations.ts';
import { registryDeviations } from './registry-deviations.ts';
import { sequenceDeviations } from './sequence-deviations.ts';
import { streamDeviations } from './stream-deviations.ts';
import { timelineDeviations } from './timeline-deviations.ts';
import { tunnelDeviations } from './tunnel-deviations.ts';

export const deviations: readonly Deviation[] = [
  {
    section: 'replay_window',
    rule: 'counter 0 is never accepted',
    expect(input, expected) {
      const counters = input.counters as readonly string[];
      const { accept, max } = expected as { readonly accept: readonly boolean[]; readonly max: string };
      return { accept: accept.map((fresh, index) => fresh && counters[index] !== '0'), max };
    },
  },
  ...tunnelDeviations,
  ...streamDeviations,
  ...sequenceDeviations,
  ...congestionDeviations,
  ...timelineDeviations,
  ...exchangeDeviations,
  ...registryDeviations,
];
