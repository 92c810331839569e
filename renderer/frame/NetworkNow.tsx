import { useMemo } from 'react';
import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import { formatClock } from '../format/clock.ts';
import { formatAge } from '../format/duration.ts';
import { healthVerdict } from '../format/health-summary.ts';
import { formatCount, formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { needsOf } from '../graph/needs.ts';
import { logText } from '../log/log-text.ts';
import { InspectorHead } from '../shell/InspectorHead.tsx';
import { useGraphStore } from '../stores/graph-store.ts';
import { useLogStore } from '../stores/log-store.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { PathsBar } from '../ui/PathsBar.tsx';
import { Section } from '../ui/Section.tsx';
import { useNow } from '../ui/use-now.ts';
import { LedgerTable } from './LedgerTable.tsx';

const MAX_ATTENTION = 8;
const RECENT_MS = 15 * 60_000;
const MAX_RECENT = 12;

/** What the inspector says when nothing is selected. */
export function NetworkNow() {
  const agents = useGraphStore((state) => state.agents);
  const tunnels = useGraphStore((state) => state.tunnels);
  return (
    <>
      <InspectorHead title="Network now" sentence={healthVerdict(agents.values())} />
      <div className="inspector-body">
        <Attention agents={agents} tunnels={tunnels} />
        <PathsBar title={`Paths of ${formatCount(tunnels.size)} tunnels`} tunnels={[...tunnels.values()]} />
        <Changed />
        <Ledger />
      </div>
    </>
  );
}

function Attention({ agents, tunnels }: { agents: ReadonlyMap<number, Agent>; tunnels: ReadonlyMap<string, Tunnel> }) {
  const now = useNow();
  const needs = useMemo(() => needsOf(agents.values(), tunnels.values(), agents), [agents, tunnels]);
  if (needs.length === 0) return null;
  const shown = needs.slice(0, MAX_ATTENTION);
  const figure = shown.length < needs.length ? formatOf(shown.length, needs.length) : formatCount(needs.length);
  return (
    <Section title="Needs attention" figure={figure}>
      <ul className="attention">
        {shown.map((need) => (
          <li key={need.key}>
            <button type="button" onClick={() => useViewStore.getState().select(need.selection)}>
              <HealthGlyph state={need.health.state} />
              <span className="attention-name">
                <Name text={need.name} className="strong" />{' '}
                {need.address !== undefined && <span className="mono t3">{need.address}</span>}
              </span>
              <span className="t3">{formatAge(now - need.health.since)}</span>
              <span className="attention-reason">
                <span className="visually-hidden">{need.health.state}: </span>
                {formatSafeText(need.health.reason)}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Changed() {
  const events = useLogStore((state) => state.events);
  const now = useNow();
  const recent = useMemo(() => recentEvents(events, now), [events, now]);
  const openLog = (
    <button type="button" className="text-button" onClick={() => useViewStore.getState().set({ view: 'log' })}>
      {formatCount(recent.length)} in Log
    </button>
  );
  if (recent.length === 0) return null;
  return (
    <Section title="Changed in the last 15 min" figure={openLog}>
      <ul className="changes">
        {recent.slice(0, MAX_RECENT).map((event) => (
          <li key={event.id}>
            <span className="mono t3">{formatClock(event.at)}</span>
            <i className={`change-mark is-${event.level}`} aria-hidden="true" />
            <ChangeText event={event} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

function ChangeText({ event }: { event: LogEvent }) {
  const text = formatSafeText(useGraphStore(({ agents }) => logText(event, agents)));
  return <bdi title={text}>{text}</bdi>;
}

function recentEvents(events: readonly LogEvent[], now: number): LogEvent[] {
  return events.filter((event) => now - event.at <= RECENT_MS).reverse();
}

function Ledger() {
  const ledger = useStatusStore((state) => state.status?.ledger);
  if (ledger === undefined || ledger.length === 0) return null;
  return (
    <Section title="Loss ledger">
      <LedgerTable ledger={ledger} />
    </Section>
  );
}
