import { ReactFlowProvider } from '@xyflow/react';
import { useMemo } from 'react';
import { isFiltering, NO_FILTER } from '../stores/filter.ts';
import { type GraphPicture, useGraphStore } from '../stores/graph-store.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { useWidth } from '../ui/use-width.ts';
import { GraphCanvas } from './GraphCanvas.tsx';
import { GraphTable } from './GraphTable.tsx';
import { type Scene, sceneOf } from './scene.ts';
import { GraphToolbar } from './Toolbar.tsx';

/** The mesh, drawn or as a table; both show the same scene. */
export function GraphView() {
  const width = useWidth();
  const scene = useScene(width !== 'wide');
  const table = useViewStore((state) => state.table ?? width === 'narrow');
  const loaded = useGraphStore((state) => state.loaded);
  return (
    <>
      <GraphToolbar scene={loaded ? scene : undefined} table={table} />
      <div className="graph-area">
        {loaded && !isEmpty(scene) && (table ? <GraphTable scene={scene} /> : <Drawing scene={scene} />)}
        <EmptyState scene={scene} loaded={loaded} />
      </div>
    </>
  );
}

const isEmpty = (scene: Scene): boolean => scene.agents.every((agent) => agent.self) && scene.total.agents > 1;

function Drawing({ scene }: { scene: Scene }) {
  return (
    <ReactFlowProvider>
      <GraphCanvas scene={scene} />
    </ReactFlowProvider>
  );
}

function EmptyState({ scene, loaded }: { scene: Scene; loaded: boolean }) {
  const filter = useViewStore((state) => state.filter);
  const link = useStatusStore((state) => state.link);
  if (!loaded) return link === 'connecting' ? <p className="state-text is-late">Connecting to the engine…</p> : null;
  if (scene.total.agents <= 1) {
    return <p className="state-text is-over">No agents yet. This node is up and waits for peers.</p>;
  }
  if (!isFiltering(filter) || !isEmpty(scene)) return null;
  const hidden = scene.total.agents - scene.agents.length;
  return (
    <div className="state-text">
      <p>{`Nothing matches. ${hidden} nodes are hidden by the filter.`}</p>
      <button type="button" className="button" onClick={() => useViewStore.getState().set({ filter: NO_FILTER })}>
        Clear filter
      </button>
    </div>
  );
}

function useScene(startCollapsed: boolean): Scene {
  const agents = useGraphStore((state) => state.agents);
  const tunnels = useGraphStore((state) => state.tunnels);
  const beacons = useGraphStore((state) => state.beacons);
  const groups = useGraphStore((state) => state.groups);
  const filter = useViewStore((state) => state.filter);
  const focus = useViewStore((state) => state.focus);
  const collapsed = useViewStore((state) => state.collapsed);
  return useMemo(() => {
    const picture: Pick<GraphPicture, 'agents' | 'tunnels' | 'beacons' | 'groups'> = {
      agents,
      tunnels,
      beacons,
      groups,
    };
    return sceneOf(picture, { filter, focus, collapsed, startCollapsed });
  }, [agents, tunnels, beacons, groups, filter, focus, collapsed, startCollapsed]);
}
