import { useMemo } from 'react';
import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import type { Health } from '../../node-core/contract/shapes.ts';
import type { LedgerStage } from '../../node-core/contract/status.ts';
import { formatClock } from '../format/clock.ts';
import { formatAge } from '../format/duration.ts';
import { healthVerdict } from '../format/health-summary.ts';
import { formatCount, formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { tunnelName } from '../graph/labels.ts';
import { logText } from '../log/log-text.ts';
import { InspectorHead, Section } from '../shell/InspectorHead.tsx';
import { useGraphStore } from '../stores/graph-store.ts';
import { useLogStore } from '../stores/log-store.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { type Selection, useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { PathsBar } from '../ui/PathsBar.tsx';
import { useNow } from '../ui/use-now.ts';

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

interface Need {
  readonly key: string;
  readonly name: string;
  readonly address: string | undefined;
  readonly health: Health;
  readonly selection: Selection;
}

const RANK = { failing: 0, degraded: 1, unknown: 2, ok: 3 } as const;

/** Agents and tunnels that the host does not call well, worst and newest first. */
export function needsOf(agents: Iterable<Agent>, tunnels: Iterable<Tunnel>, names: ReadonlyMap<number, Agent>): Need[] {
  const needs: Need[] = [];
  for (const agent of agents) {
    if (agent.health.state === 'ok' || agent.self) continue;
    const selection: Selection = { kind: 'agent', nodeId: agent.nodeId };
    const { hostname, address, health } = agent;
    needs.push({ key: `agent ${agent.nodeId}`, name: hostname, address, health, selection });
  }
  for (const tunnel of tunnels) {
    if (tunnel.health.state === 'ok' || tunnel.health.state === 'unknown') continue;
    if ([tunnel.a, tunnel.b].some((end) => names.get(end)?.health.state === 'failing')) continue; // said by the agent
    const selection: Selection = { kind: 'tunnel', id: tunnel.id };
    const { health } = tunnel;
    needs.push({ key: `tunnel ${tunnel.id}`, name: tunnelName(tunnel, names), address: undefined, health, selection });
  }
  return needs.sort((a, b) => RANK[a.health.state] - RANK[b.health.state] || b.health.since - a.health.since);
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

/** What each stage received, kept and dropped, with the reasons. */
export function LedgerTable({ ledger }: { ledger: readonly LedgerStage[] }) {
  return (
    <table className="table">
      <thead>
        <tr>
          <th>stage</th>
          <th className="figure">received</th>
          <th className="figure">kept</th>
          <th className="figure">lost</th>
        </tr>
      </thead>
      <tbody>
        {ledger.map((stage) => (
          <tr key={stage.stage} title={reasonsOf(stage)}>
            <td>{stage.stage === 'frames' ? 'frames, no spans' : stage.stage}</td>
            <td className="figure">{formatCount(stage.received)}</td>
            <td className="figure">{formatCount(stage.kept)}</td>
            <td className={stage.dropped > 0 && stage.stage !== 'frames' ? 'figure is-failing' : 'figure'}>
              {formatCount(stage.dropped)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** "708 store full, 3 too large". */
export function reasonsOf(stage: LedgerStage): string {
  return Object.entries(stage.reasons)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${formatCount(count)} ${formatSafeText(reason)}`)
    .join(', ');
}
