import type { NodeProps } from '@xyflow/react';
import { ChevronDown, ChevronRight } from 'lucide-react';
import { memo, useMemo } from 'react';
import type { Agent } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import { formatRate } from '../format/bytes.ts';
import { formatDuration } from '../format/duration.ts';
import { countHealth } from '../format/health-summary.ts';
import { formatOf, formatPlural } from '../format/number.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useGroupHue } from '../stores/group-hues.ts';
import { NO_GROUP } from '../stores/home-group.ts';
import { useViewStore } from '../stores/view-store.ts';
import { GroupSwatch } from '../ui/GroupSwatch.tsx';
import { Name } from '../ui/Name.tsx';
import { PATH_KINDS } from '../ui/PathSwatch.tsx';
import { countPaths } from '../ui/PathsBar.tsx';
import { SegmentBar } from '../ui/SegmentBar.tsx';
import { NodeHandles } from './AgentNode.tsx';
import { domIdOf, setCursor, useCursor } from './cursor.ts';
import type { GroupFlowNode } from './elements.ts';
import { groupLabel } from './labels.ts';
import { groupKey } from './layout.ts';

/** A group as a container of its members; closed, it is one card with sums. */
export const GroupNode = memo(function GroupNode({ data }: NodeProps<GroupFlowNode>) {
  const { groupId, memberIds, collapsed } = data;
  const told = useGraphStore((state) => state.groups.get(groupId));
  const agents = useGraphStore((state) => state.agents);
  const members = useMemo(
    () => memberIds.map((id) => agents.get(id)).filter((agent): agent is Agent => agent !== undefined),
    [memberIds, agents],
  );
  const group = told ?? nameless(groupId, memberIds);
  const selected = useViewStore(({ selection }) => selection?.kind === 'group' && selection.groupId === groupId);
  const key = groupKey(groupId);
  const reachable = useCursor((state) => state.key === key);
  const hue = useGroupHue(groupId);
  const select = () => useViewStore.getState().select({ kind: 'group', groupId });
  const classes = ['group-box', collapsed ? 'is-collapsed' : '', selected ? 'is-selected' : '']
    .filter(Boolean)
    .join(' ');
  return (
    <div className={classes}>
      <NodeHandles />
      <div className="group-head">
        <button
          id={domIdOf(key)}
          type="button"
          className="group-title"
          tabIndex={reachable ? 0 : -1}
          aria-label={groupLabel(group, members, collapsed)}
          onFocus={() => setCursor(key)}
          onClick={select}
        >
          <GroupSwatch hue={hue} />
          <Name text={group.name} className="strong" />
          <span className="t3">{groupId === NO_GROUP ? 'in no group' : `group ${groupId}`}</span>
          <span className="spring" />
          <span className="t2">{formatPlural(members.length, 'agent')}</span>
        </button>
        <button
          type="button"
          className="icon-button"
          tabIndex={-1}
          aria-label={collapsed ? 'Open the group' : 'Close the group'}
          onClick={() => toggleGroup(groupId, collapsed)}
        >
          {collapsed ? <ChevronRight size={13} /> : <ChevronDown size={13} />}
        </button>
      </div>
      {collapsed && <Sums members={members} />}
    </div>
  );
});

const nameless = (groupId: number, memberIds: readonly number[]): Group => ({
  groupId,
  name: groupId === NO_GROUP ? 'backbone' : `group ${groupId}`,
  joined: groupId === NO_GROUP,
  joinRule: '',
  memberIds: [...memberIds],
  okCount: 0,
  straightTunnels: 0,
  totalTunnels: 0,
});

/** The operator's word wins over the rule, and is kept. */
export function toggleGroup(groupId: number, collapsed: boolean): void {
  const { set, collapsed: chosen } = useViewStore.getState();
  set({ collapsed: { ...chosen, [groupId]: !collapsed } });
}

function Sums({ members }: { members: readonly Agent[] }) {
  const tunnels = useGraphStore((state) => state.tunnels);
  const ids = useMemo(() => new Set(members.map((agent) => agent.nodeId)), [members]);
  const own = useMemo(() => [...tunnels.values()].filter(({ a, b }) => ids.has(a) || ids.has(b)), [tunnels, ids]);
  const health = countHealth(members);
  const paths = countPaths(own);
  const straight = paths.lan + paths.direct + paths.punched;
  const rate = own.reduce((sum, tunnel) => sum + tunnel.bytesPerSecond, 0);
  const rtts = members.flatMap((agent) => (agent.rtt === undefined ? [] : [agent.rtt.value])).sort((a, b) => a - b);
  const median = rtts[Math.floor(rtts.length / 2)];
  const healthSegments = (['ok', 'degraded', 'failing', 'unknown'] as const).map((state) => ({
    kind: state,
    label: `${state} ${health[state]}`,
    value: health[state],
  }));
  const pathSegments = PATH_KINDS.map((path) => ({ kind: path, label: `${path} ${paths[path]}`, value: paths[path] }));
  return (
    <dl className="group-sums">
      <dt>health</dt>
      <dd>
        <SegmentBar segments={healthSegments} />
      </dd>
      <dd>{formatOf(health.ok, members.length)} ok</dd>
      <dt>paths</dt>
      <dd>
        <SegmentBar segments={pathSegments} />
      </dd>
      <dd>{formatOf(straight, own.length)} straight</dd>
      <dt>traffic</dt>
      <dd>{formatRate(rate)}</dd>
      <dd>{median === undefined ? 'round trip unknown' : `median ${formatDuration(median, 2)}`}</dd>
    </dl>
  );
}
