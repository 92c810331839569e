import { Handle, type NodeProps, Position } from '@xyflow/react';
import { CircleDashed, Pin } from 'lucide-react';
import { memo } from 'react';
import type { Agent } from '../../node-core/contract/graph.ts';
import { formatNodePart } from '../format/address.ts';
import { formatBytes } from '../format/bytes.ts';
import { formatMinutes } from '../format/clock.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCount } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { homeGroup } from '../stores/home-group.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { useCursor } from './cursor.ts';
import type { AgentFlowNode } from './elements.ts';
import { agentLabel } from './labels.ts';
import { agentKey } from './layout.ts';
import { NodeButton } from './NodeButton.tsx';
import { useRecent } from './use-recent.ts';

const CHANGE_MARK_MS = 1_200;

/** One agent as a card: its size depends on the zoom level alone, never on its text. */
export const AgentNode = memo(function AgentNode({ data }: NodeProps<AgentFlowNode>) {
  const { nodeId, level, dimmed } = data;
  const agent = useGraphStore((state) => state.agents.get(nodeId));
  const selected = useViewStore(({ selection }) => selection?.kind === 'agent' && selection.nodeId === nodeId);
  const key = agentKey(nodeId);
  const reachable = useCursor((state) => state.key === key || (state.key === undefined && agent?.self === true));
  const label = useLabel(agent);
  const changed = useRecent(agent?.health.since ?? 0, CHANGE_MARK_MS);
  if (agent === undefined) return <NodeHandles />;
  return (
    <NodeButton
      elementKey={key}
      selection={{ kind: 'agent', nodeId }}
      selected={selected}
      reachable={reachable}
      label={label}
      className={classOf(agent, level, { selected, dimmed, changed })}
    >
      <NodeHandles />
      {level === 'far' ? <FarCard agent={agent} selected={selected} /> : <Card agent={agent} near={level === 'near'} />}
    </NodeButton>
  );
});

function classOf(agent: Agent, level: string, on: { selected: boolean; dimmed: boolean; changed: boolean }): string {
  const parts = ['agent-card', `is-${agent.health.state}`, `at-${level}`];
  if (agent.self) parts.push('is-self');
  if (on.selected) parts.push('is-selected');
  if (on.dimmed && !on.selected) parts.push('is-dimmed');
  if (on.changed) parts.push('is-changed');
  if (agent.leftAt !== undefined) parts.push('is-gone');
  return parts.join(' ');
}

function Card({ agent, near }: { agent: Agent; near: boolean }) {
  const pinned = useViewStore(({ pins }) => pins[agentKey(agent.nodeId)] !== undefined);
  return (
    <>
      <div className="card-line">
        <HealthGlyph state={agent.health.state} />
        {agent.self ? <b>This node</b> : <Name text={agent.hostname} className="strong" />}
        <span className="card-figure">{figureOf(agent)}</span>
      </div>
      <div className="card-line card-second">
        <span className="mono">{near || agent.self ? agent.address : formatNodePart(agent.address)}</span>
        <span className="spring" />
        {pinned && <Pin size={12} role="img" aria-label="pinned" />}
        {!agent.reports && !agent.self && (
          <span title="It sends no reports: its half of flows and tunnels is unknown.">
            <CircleDashed size={12} role="img" aria-label="sends no reports" />
          </span>
        )}
      </div>
      {near && <NearFacts nodeId={agent.nodeId} />}
    </>
  );
}

function NearFacts({ nodeId }: { nodeId: number }) {
  const tunnels = useGraphStore((state) => state.tunnels);
  const own = [...tunnels.values()].filter((tunnel) => tunnel.a === nodeId || tunnel.b === nodeId);
  const rate = own.reduce((sum, tunnel) => sum + tunnel.bytesPerSecond, 0);
  const streams = own.reduce((sum, tunnel) => sum + tunnel.openStreams, 0);
  return (
    <dl className="card-facts">
      <dt>tunnels</dt>
      <dd>{formatCount(own.length)}</dd>
      <dt>traffic</dt>
      <dd>{formatBytes(rate)}/s</dd>
      <dt>open streams</dt>
      <dd>{formatCount(streams)}</dd>
    </dl>
  );
}

/** At far zoom only the glyph; the name where something is wrong or chosen. */
function FarCard({ agent, selected }: { agent: Agent; selected: boolean }) {
  const named = selected || agent.self || agent.health.state === 'degraded' || agent.health.state === 'failing';
  return (
    <>
      <HealthGlyph state={agent.health.state} size={24} />
      {named && <Name text={agent.self ? 'This node' : agent.hostname} className="strong" />}
    </>
  );
}

function figureOf(agent: Agent): string {
  if (agent.self) return formatSafeText(agent.hostname, 16);
  if (agent.leftAt !== undefined) return `left ${formatMinutes(agent.leftAt)}`;
  if (agent.health.state === 'failing' && !agent.live) return 'silent';
  return agent.rtt === undefined ? 'no data' : formatDuration(agent.rtt.value, 2);
}

function useLabel(agent: Agent | undefined): string {
  return useGraphStore((state) => {
    if (agent === undefined) return '';
    const group = state.groups.get(homeGroup(agent));
    const members = (group?.memberIds ?? []).filter((id) => id !== state.self);
    let tunnels = 0;
    for (const tunnel of state.tunnels.values()) if (tunnel.a === agent.nodeId || tunnel.b === agent.nodeId) tunnels++;
    return agentLabel(agent, {
      group: group?.name,
      tunnels,
      item: members.indexOf(agent.nodeId) + 1,
      of: members.length,
    });
  });
}

/** Where edges end. React Flow reads them from the page; with loose connections one kind serves both ends. */
export function NodeHandles({ y, halfWidth }: { y?: number; halfWidth?: number }) {
  const side = y === undefined ? undefined : { top: y };
  const left = y === undefined || halfWidth === undefined ? side : { top: y, left: `calc(50% - ${halfWidth}px)` };
  const right = y === undefined || halfWidth === undefined ? side : { top: y, right: `calc(50% - ${halfWidth}px)` };
  return (
    <>
      <Handle id="l" type="source" position={Position.Left} isConnectable={false} style={left} />
      <Handle id="r" type="source" position={Position.Right} isConnectable={false} style={right} />
      <Handle id="t" type="source" position={Position.Top} isConnectable={false} />
      <Handle
        id="b"
        type="source"
        position={Position.Bottom}
        isConnectable={false}
        style={y === undefined ? undefined : { top: 2 * y, bottom: 'auto' }}
      />
    </>
  );
}
