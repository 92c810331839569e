import { useMemo } from 'react';
import type { Agent } from '../../node-core/contract/graph.ts';
import { formatAge, formatDuration } from '../format/duration.ts';
import { HEALTH_RANK } from '../format/health-summary.ts';
import { formatCount, formatPercent } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { homeGroup } from '../stores/home-group.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { PathSwatch } from '../ui/PathSwatch.tsx';
import { useNow } from '../ui/use-now.ts';
import { type Column, VirtualTable } from '../ui/VirtualTable.tsx';
import type { Scene } from './scene.ts';

interface Row {
  readonly agent: Agent;
  readonly group: string;
  /** The path from this node, if it has a tunnel to the agent. */
  readonly path: 'none' | Parameters<typeof PathSwatch>[0]['path'];
  readonly tunnels: number;
}

/** The graph's twin: the same agents, filter and selection as rows, by group, then by need. */
export function GraphTable({ scene }: { scene: Scene }) {
  const rows = useRows(scene);
  const now = useNow();
  const selected = useViewStore(({ selection }) =>
    selection?.kind === 'agent' ? String(selection.nodeId) : undefined,
  );
  const columns = useMemo(() => columnsOf(now), [now]);
  return (
    <VirtualTable
      label="Agents"
      rows={rows}
      columns={columns}
      selected={selected}
      keyOf={(row) => String(row.agent.nodeId)}
      onOpen={({ agent }) => useViewStore.getState().select({ kind: 'agent', nodeId: agent.nodeId })}
    />
  );
}

function useRows(scene: Scene): Row[] {
  const groups = useGraphStore((state) => state.groups);
  const self = useGraphStore((state) => state.self);
  return useMemo(() => {
    const counts = new Map<number, number>();
    const paths = new Map<number, Row['path']>();
    for (const { a, b, path } of scene.tunnels) {
      counts.set(a, (counts.get(a) ?? 0) + 1);
      counts.set(b, (counts.get(b) ?? 0) + 1);
      if (a === self) paths.set(b, path);
      if (b === self) paths.set(a, path);
    }
    return scene.agents
      .map((agent) => ({
        agent,
        group: groups.get(homeGroup(agent))?.name ?? 'none',
        path: paths.get(agent.nodeId) ?? 'none',
        tunnels: counts.get(agent.nodeId) ?? 0,
      }))
      .sort(
        (a, b) =>
          a.group.localeCompare(b.group) ||
          HEALTH_RANK[a.agent.health.state] - HEALTH_RANK[b.agent.health.state] ||
          a.agent.hostname.localeCompare(b.agent.hostname),
      );
  }, [scene, groups, self]);
}

function columnsOf(now: number): Column<Row>[] {
  return [
    { key: 'group', title: 'group', width: '110px', cell: (row) => <Name text={row.group} /> },
    {
      key: 'agent',
      title: 'agent',
      width: 'minmax(120px, 1fr)',
      cell: ({ agent }) => (
        <Name text={agent.self ? `${agent.hostname} (this node)` : agent.hostname} className="strong" />
      ),
    },
    {
      key: 'address',
      title: 'address',
      width: '150px',
      cell: ({ agent }) => <span className="mono">{agent.address}</span>,
    },
    {
      key: 'health',
      title: 'health',
      width: 'minmax(110px, 1.4fr)',
      cell: ({ agent: { health } }) => (
        <span title={formatSafeText(health.reason)}>
          <HealthGlyph state={health.state} /> {health.state}:{' '}
          <span className="t2">{formatSafeText(health.reason)}</span>
        </span>
      ),
    },
    {
      key: 'path',
      title: 'path from here',
      width: '110px',
      cell: ({ path }) =>
        path === 'none' ? (
          '–'
        ) : (
          <>
            <PathSwatch path={path} /> {path}
          </>
        ),
    },
    {
      key: 'rtt',
      title: 'round trip',
      width: '84px',
      figure: true,
      cell: ({ agent: { rtt, self } }) => (self ? '–' : rtt === undefined ? 'unknown' : formatDuration(rtt.value)),
    },
    {
      key: 'loss',
      title: 'loss',
      width: '72px',
      figure: true,
      cell: ({ agent: { loss, self } }) => (self ? '–' : loss === undefined ? 'unknown' : formatPercent(loss.value)),
    },
    { key: 'tunnels', title: 'tunnels', width: '64px', figure: true, cell: (row) => formatCount(row.tunnels) },
    {
      key: 'heard',
      title: 'last heard',
      width: '80px',
      figure: true,
      cell: ({ agent: { lastHeard, self } }) =>
        self ? '–' : lastHeard === undefined ? 'unknown' : formatAge(Math.max(0, now - lastHeard)),
    },
  ];
}
