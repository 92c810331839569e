import type { DeckStatus } from '../../node-core/contract/status.ts';
import { formatBytes } from '../format/bytes.ts';
import { formatClock } from '../format/clock.ts';
import { formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import type { LinkState } from '../stores/status-store.ts';

/** Something the operator has to know before believing the picture: what is so, since when, what still works. */
export interface StateLine {
  readonly kind: 'reconnecting' | 'stopped' | 'registry' | 'beacon' | 'source' | 'store';
  readonly text: string;
  /** What the one action is about: a beacon's or an agent's name. */
  readonly about?: string;
}

/** The states that hold now, worst first. */
export function stateLines(link: LinkState, pictureAt: number, status: DeckStatus | undefined): StateLine[] {
  if (link === 'stopped') {
    return [{ kind: 'stopped', text: 'The engine stopped 3 times in 1 min. The store is whole.' }];
  }
  if (link === 'lost') {
    const picture =
      pictureAt === 0 ? '' : ` The picture is from ${formatClock(pictureAt)}; nothing acknowledged is lost.`;
    return [{ kind: 'reconnecting', text: `Reconnecting to the engine.${picture}` }];
  }
  return status === undefined ? [] : serviceLines(status);
}

function serviceLines(status: DeckStatus): StateLine[] {
  const lines: StateLine[] = [];
  const { registry, beacons, sources, store } = status;
  if (registry.state === 'away') {
    lines.push({
      kind: 'registry',
      text: `Registry does not answer since ${formatClock(registry.since)}. Existing tunnels go on; new names cannot be found.`,
    });
  }
  for (const beacon of beacons.filter((each) => each.state === 'away')) {
    const silent = `${formatPlural(beacon.relayedTunnels, 'relayed tunnel')} ${beacon.relayedTunnels === 1 ? 'is' : 'are'} silent.`;
    lines.push({
      kind: 'beacon',
      text: `Beacon ${formatSafeText(beacon.id)} does not answer since ${formatClock(beacon.since)}. ${silent}`,
      about: beacon.id,
    });
  }
  if (sources.away.length > 0) lines.push(sourceLine(sources.away));
  if (store.capBytes > 0 && store.bytes >= store.capBytes) {
    lines.push({ kind: 'store', text: `Store is full (${formatBytes(store.capBytes)}). Oldest spans go first.` });
  }
  return lines;
}

function sourceLine(away: readonly string[]): StateLine {
  const [first = '', ...others] = away;
  const name = formatSafeText(first);
  if (others.length === 0) {
    const text = `${name} sends no spans. Its part of traces is missing, not fast.`;
    return { kind: 'source', text, about: first };
  }
  const text = `${name} and ${formatPlural(others.length, 'other')} send no spans. Their parts of traces are missing, not fast.`;
  return { kind: 'source', text, about: first };
}
