import { Maximize, Minus, Plus, Table, Waypoints, X } from 'lucide-react';
import { agentName } from '../format/agent-name.ts';
import { formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { type Focus, useViewStore } from '../stores/view-store.ts';
import { Segmented } from '../ui/Segmented.tsx';
import type { Scene } from './scene.ts';

/** How the graph is drawn, and how much of it; no count before there is a picture. */
export function GraphToolbar({ scene, table }: { scene: Scene | undefined; table: boolean }) {
  const focus = useViewStore((state) => state.focus);
  const set = useViewStore.getState().set;
  return (
    <div className="toolbar" role="toolbar" aria-label="Graph">
      {!table && <ColourChoice />}
      {!table && <FocusChoice focus={focus} />}
      <span className="spring" />
      <span className="toolbar-count">{scene !== undefined && countText(scene, table)}</span>
      <button type="button" className="toolbar-button" onClick={() => set({ table: !table })}>
        {table ? <Waypoints size={14} aria-hidden="true" /> : <Table size={14} aria-hidden="true" />}
        {table ? 'Draw' : 'Table'}
      </button>
    </div>
  );
}

function countText({ agents, tunnels, total }: Scene, table: boolean): string {
  const nodes = `${formatOf(agents.length, total.agents)} nodes`;
  return `${nodes}, ${formatOf(tunnels.length, total.tunnels)} tunnels ${table ? 'listed' : 'drawn'}`;
}

function ColourChoice() {
  const colour = useViewStore((state) => state.colour);
  return (
    <label className="toolbar-choice">
      Colour
      <select
        aria-label="Colour"
        value={colour}
        onChange={(event) => useViewStore.getState().set({ colour: event.target.value === 'path' ? 'path' : 'health' })}
      >
        <option value="health">health</option>
        <option value="path">path</option>
      </select>
    </label>
  );
}

const HOPS = [
  { value: '1', text: '1 hop' },
  { value: '2', text: '2' },
  { value: '3', text: '3' },
] as const;

function FocusChoice({ focus }: { focus: Focus | undefined }) {
  const name = useGraphStore((state) => (focus === undefined ? '' : agentName(focus.nodeId, state.agents)));
  const selection = useViewStore((state) => state.selection);
  const set = useViewStore.getState().set;
  if (focus === undefined) {
    const nodeId = selection?.kind === 'agent' ? selection.nodeId : undefined;
    return (
      <button
        type="button"
        className="toolbar-button"
        disabled={nodeId === undefined}
        title={nodeId === undefined ? 'Select an agent first' : undefined}
        onClick={() => nodeId !== undefined && set({ focus: { nodeId, hops: 1 } })}
      >
        Focus <b>off</b>
      </button>
    );
  }
  return (
    <>
      <span className="toolbar-text">
        Focus <b>{formatSafeText(name)}</b>
      </span>
      <Segmented
        label="Hops"
        value={String(focus.hops) as '1' | '2' | '3'}
        options={HOPS}
        onChange={(hops) => set({ focus: { ...focus, hops: Number(hops) as Focus['hops'] } })}
      />
      <button type="button" className="toolbar-button" onClick={() => set({ focus: undefined })}>
        <X size={12} aria-hidden="true" /> Clear <kbd>Esc</kbd>
      </button>
    </>
  );
}

/** Zoom by steps, and fit. */
export function ZoomButtons({ onZoom, onFit }: { onZoom(factor: number): void; onFit(): void }) {
  return (
    <fieldset className="zoom-buttons" aria-label="Zoom">
      <button type="button" aria-label="Zoom in" onClick={() => onZoom(1.25)}>
        <Plus size={15} />
      </button>
      <button type="button" aria-label="Zoom out" onClick={() => onZoom(0.8)}>
        <Minus size={15} />
      </button>
      <button type="button" aria-label="Fit" onClick={onFit}>
        <Maximize size={14} />
      </button>
    </fieldset>
  );
}
