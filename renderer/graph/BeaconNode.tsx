import type { NodeProps } from '@xyflow/react';
import { memo } from 'react';
import { formatRate } from '../format/bytes.ts';
import { formatCount } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { NodeHandles } from './AgentNode.tsx';
import { useCursor } from './cursor.ts';
import type { BeaconFlowNode } from './elements.ts';
import { beaconKey } from './layout.ts';
import { NodeButton } from './NodeButton.tsx';

/** A beacon as a hexagon with an arrow both ways: what is relayed runs through it. */
export const BeaconNode = memo(function BeaconNode({ data }: NodeProps<BeaconFlowNode>) {
  const beacon = useGraphStore((state) => state.beacons.get(data.id));
  const selected = useViewStore(({ selection }) => selection?.kind === 'beacon' && selection.id === data.id);
  const key = beaconKey(data.id);
  const reachable = useCursor((state) => state.key === key);
  if (beacon === undefined) return <NodeHandles y={20} halfWidth={20} />;
  const { state } = beacon.health;
  const traffic = formatRate(beacon.bytesPerSecond);
  const label = `Beacon ${formatSafeText(beacon.name)}, ${state}, ${formatCount(beacon.relayedTunnels)} relayed, ${traffic}`;
  return (
    <NodeButton
      elementKey={key}
      selection={{ kind: 'beacon', id: data.id }}
      selected={selected}
      reachable={reachable}
      label={label}
      className={`beacon-node is-${state}${selected ? ' is-selected' : ''}`}
    >
      <NodeHandles y={20} halfWidth={20} />
      <svg width="44" height="40" viewBox="-22 -20 44 40" aria-hidden="true">
        <path className="beacon-shape" d="M20 0 10 17.3H-10L-20 0-10-17.3H10Z" />
        <path className="beacon-arrow" d="M-7 0H7M-3-4-7 0-3 4M3-4 7 0 3 4" />
      </svg>
      <span className="beacon-name">
        {(state === 'failing' || state === 'degraded') && <HealthGlyph state={state} />}
        <Name text={beacon.name} className="strong" /> beacon
      </span>
      <span className="beacon-facts">{`${formatCount(beacon.relayedTunnels)} relayed, ${traffic}`}</span>
    </NodeButton>
  );
});
