import {
  ConnectionMode,
  type EdgeTypes,
  getViewportForBounds,
  type NodeChange,
  type NodeTypes,
  ReactFlow,
  useReactFlow,
  useStore,
} from '@xyflow/react';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { closeInspector } from '../shell/close-inspector.ts';
import { useKeys } from '../shell/use-keys.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { type Point, type Selection, useViewStore } from '../stores/view-store.ts';
import { currentWidth } from '../ui/use-width.ts';
import { AgentNode } from './AgentNode.tsx';
import { BeaconNode } from './BeaconNode.tsx';
import { useCursor } from './cursor.ts';
import { type ElementCache, elementsOf, type GraphEdge, type GraphNode, type Level } from './elements.ts';
import { GroupNode } from './GroupNode.tsx';
import { graphKeys } from './graph-keys.ts';
import { Legend } from './Legend.tsx';
import { Obstacles, obstaclesOf } from './label-room.ts';
import { agentKey, beaconKey, groupKey, type LayoutLevel, type LayoutRequest, type LayoutResult } from './layout.ts';
import { boundsOf, centresOf, scaledView, type Viewport } from './places.ts';
import { RegisteredEdge } from './RegisteredEdge.tsx';
import type { Scene } from './scene.ts';
import { ZoomButtons } from './Toolbar.tsx';
import { TunnelEdge } from './TunnelEdge.tsx';
import { useLayout } from './use-layout.ts';

const nodeTypes: NodeTypes = { agent: AgentNode, container: GroupNode, beacon: BeaconNode };
const edgeTypes: EdgeTypes = { tunnel: TunnelEdge, registered: RegisteredEdge };

const FAR_BELOW = 0.45;
/** Two thresholds, so that a zoom between them does not flicker. */
const NEAR_ABOVE = 1.14;
const NEAR_UNTIL = 1.06;
const MIN_ZOOM = 0.1;
const FIT_MAX_ZOOM = 1.05;

/** The drawing itself: React Flow, fed with places from the worker. */
export function GraphCanvas({ scene }: { scene: Scene }) {
  const layoutLevel = useLayoutLevel();
  const self = useGraphStore((state) => state.self);
  const beacons = useGraphStore((state) => state.beacons);
  const layout = useLayout(useRequest(scene, layoutLevel, self));
  const far = useStore((state) => state.transform[2] < FAR_BELOW);
  const cache = useRef<ElementCache>(new Map());
  const { dragged, onNodesChange, onNodeDragStop } = useDragging();
  useKeptSlots(layout);
  const fit = useCamera(layout, scene);
  useFreePart(layout, scene);

  const elements = useMemo(() => {
    if (layout === undefined) return { nodes: [], edges: [] };
    const level: Level = far && layout.level === 'mid' ? 'far' : layout.level;
    return elementsOf(cache.current, scene, layout, level, beacons, self);
  }, [scene, layout, far, beacons, self]);
  const edges = useMemo(() => [...elements.edges], [elements.edges]);
  const nodes = useMemo(() => withDragged(elements.nodes, dragged), [elements.nodes, dragged]);
  const obstacles = useMemo(() => obstaclesOf(nodes), [nodes]);

  useGraphKeys(layout, scene, fit);
  return (
    <div className={far ? 'graph-canvas at-far' : 'graph-canvas'} role="application" aria-label="Graph">
      <Obstacles value={obstacles}>
        <ReactFlow<GraphNode, GraphEdge>
          nodes={nodes}
          edges={edges}
          nodeTypes={nodeTypes}
          edgeTypes={edgeTypes}
          onNodesChange={onNodesChange}
          onNodeDragStop={onNodeDragStop}
          onNodeClick={(_event, node) => selectNode(node)}
          onEdgeClick={(_event, edge) => selectEdge(edge)}
          onPaneClick={closeInspector}
          connectionMode={ConnectionMode.Loose}
          onlyRenderVisibleElements
          nodesConnectable={false}
          nodesFocusable={false}
          edgesFocusable={false}
          elementsSelectable={false}
          elevateEdgesOnSelect={false}
          zIndexMode="manual"
          disableKeyboardA11y
          deleteKeyCode={null}
          selectionKeyCode={null}
          multiSelectionKeyCode={null}
          panActivationKeyCode={null}
          zoomActivationKeyCode={null}
          minZoom={MIN_ZOOM}
          maxZoom={2.5}
          nodeDragThreshold={4}
          proOptions={{ hideAttribution: true }}
        />
      </Obstacles>
      <Legend />
      <Zoom onFit={fit} />
    </div>
  );
}

function Zoom({ onFit }: { onFit(): void }) {
  const { zoomIn, zoomOut } = useReactFlow();
  return <ZoomButtons onFit={onFit} onZoom={(factor) => void (factor > 1 ? zoomIn() : zoomOut())} />;
}

function useLayoutLevel(): LayoutLevel {
  const level = useRef<LayoutLevel>('mid');
  return useStore((state) => {
    const zoom = state.transform[2];
    if (zoom > NEAR_ABOVE) level.current = 'near';
    else if (zoom < NEAR_UNTIL) level.current = 'mid';
    return level.current;
  });
}

function useRequest(scene: Scene, level: LayoutLevel, self: number | undefined): LayoutRequest {
  const pins = useViewStore((state) => state.pins);
  const slots = useViewStore((state) => state.slots);
  const focused = useViewStore((state) => state.focus !== undefined);
  return useMemo(
    // under a focus the rest leaves the layout: places are packed afresh and not kept
    () => ({
      level,
      self,
      groups: scene.groups,
      beaconIds: scene.beaconIds,
      slots: focused ? {} : slots,
      pins: focused ? {} : pins,
    }),
    [scene.groups, scene.beaconIds, level, self, pins, slots, focused],
  );
}

/** Slots are remembered, so that places stick over restarts; under a focus they are not those of the whole picture. */
function useKeptSlots(layout: LayoutResult | undefined): void {
  useEffect(() => {
    const { slots, focus, set } = useViewStore.getState();
    if (layout === undefined || focus !== undefined) return;
    const fresh = Object.entries(layout.slots).some(([key, slot]) => slots[key] !== slot);
    if (fresh) set({ slots: { ...slots, ...layout.slots } });
  }, [layout]);
}

function useDragging() {
  const [dragged, setDragged] = useState<Readonly<Record<string, Point>>>({});
  const onNodesChange = useCallback((changes: NodeChange<GraphNode>[]) => {
    for (const change of changes) {
      if (change.type !== 'position' || change.position === undefined || change.dragging !== true) continue;
      const { id, position } = change;
      setDragged((before) => ({ ...before, [id]: position }));
    }
  }, []);
  const onNodeDragStop = useCallback((_event: unknown, node: GraphNode) => {
    const { pin, focus } = useViewStore.getState();
    if (focus === undefined) pin(node.id, node.position);
    setDragged({});
  }, []);
  return { dragged, onNodesChange, onNodeDragStop };
}

function withDragged(nodes: readonly GraphNode[], dragged: Readonly<Record<string, Point>>): GraphNode[] {
  return nodes.map((node) => {
    const position = dragged[node.id];
    return position === undefined ? node : { ...node, position };
  });
}

/**
 * Keeps the picture in view until the operator moves the camera, keeps the middle where it is when cards change size,
 * and returns to the same camera when a focus ends; where the drawing began with a focus, all of it comes into view then.
 */
function useCamera(layout: LayoutResult | undefined, scene: Scene): () => void {
  const { getViewport, setViewport } = useReactFlow();
  const width = useStore((state) => state.width);
  const height = useStore((state) => state.height);
  const dragging = useStore((state) => state.paneDragging);
  const focused = useViewStore((state) => state.focus !== undefined);
  const moved = useRef(false);
  const before = useRef<LayoutResult | undefined>(undefined);
  const kept = useRef<Viewport | undefined>(undefined);
  useEffect(() => {
    if (dragging) moved.current = true;
  }, [dragging]);

  const fit = useCallback(() => {
    moved.current = false;
    if (layout !== undefined && width > 0) void setViewport(fittedView(layout, width, height));
  }, [layout, width, height, setViewport]);

  useEffect(() => {
    if (!focused) return;
    kept.current = before.current === undefined ? undefined : getViewport(); // nothing was drawn that it could return to
    return () => {
      moved.current = kept.current !== undefined;
      if (kept.current !== undefined) void setViewport(kept.current);
    };
  }, [focused, getViewport, setViewport]);

  useLayoutEffect(() => {
    const old = before.current;
    before.current = layout;
    if (layout === undefined || width === 0) return;
    if (old !== undefined && old.level !== layout.level) {
      moved.current = true;
      void setViewport(scaledView(getViewport(), { width, height }, old, layout, scene));
    } else if (!moved.current || useViewStore.getState().focus !== undefined) {
      void setViewport(fittedView(layout, width, height));
    }
  }, [layout, width, height, scene, getViewport, setViewport]);
  return fit;
}

/** Width of the inspector where it lies over the drawing, px. */
const SHEET_PX = 340;

/** Where the inspector lies over the drawing, the camera moves so that what was selected stays in the free part. */
function useFreePart(layout: LayoutResult | undefined, scene: Scene): void {
  const { getViewport, setViewport } = useReactFlow();
  const width = useStore((state) => state.width);
  const selection = useViewStore((state) => state.selection);
  useEffect(() => {
    const key = selection === undefined ? undefined : selectionKey(selection);
    const at = layout === undefined || key === undefined ? undefined : centresOf(layout, scene).get(key);
    if (at === undefined || currentWidth() !== 'small') return;
    const view = getViewport();
    const over = at.x * view.zoom + view.x - (width - SHEET_PX - 100);
    if (over > 0) void setViewport({ ...view, x: view.x - over });
  }, [selection, layout, scene, width, getViewport, setViewport]);
}

function selectionKey(selection: Selection): string | undefined {
  if (selection.kind === 'agent') return agentKey(selection.nodeId);
  if (selection.kind === 'group') return groupKey(selection.groupId);
  return selection.kind === 'beacon' ? beaconKey(selection.id) : undefined;
}

/** The whole picture, with the legend's corner left free. */
function fittedView(layout: LayoutResult, width: number, height: number): Viewport {
  const bottom = (useViewStore.getState().legendOpen ?? currentWidth() === 'wide') ? '124px' : '56px';
  const padding = { top: '20px', left: '20px', right: '20px', bottom } as const;
  return getViewportForBounds(boundsOf(layout), width, height, MIN_ZOOM, FIT_MAX_ZOOM, padding);
}

function useGraphKeys(layout: LayoutResult | undefined, scene: Scene, fit: () => void): void {
  const { zoomIn, zoomOut, setCenter, getZoom } = useReactFlow<GraphNode, GraphEdge>();
  const keys = useMemo(
    () =>
      graphKeys({
        centres: () => (layout === undefined ? new Map() : centresOf(layout, scene)),
        placeOf: (key) => {
          const rect = layout?.rects[key];
          return rect === undefined ? undefined : { x: rect.x, y: rect.y };
        },
        zoom: (factor) => void (factor > 1 ? zoomIn() : zoomOut()),
        fit,
        reveal: (at) => void setCenter(at.x, at.y, { zoom: getZoom() }),
      }),
    [layout, scene, fit, zoomIn, zoomOut, setCenter, getZoom],
  );
  useKeys(keys);
  useEffect(() => () => useCursor.setState({ key: undefined }), []);
}

function selectNode(node: GraphNode): void {
  const { select } = useViewStore.getState();
  if (node.type === 'agent') select({ kind: 'agent', nodeId: node.data.nodeId });
  else if (node.type === 'beacon') select({ kind: 'beacon', id: node.data.id });
}

function selectEdge(edge: GraphEdge): void {
  if (edge.type !== 'tunnel') return;
  const [id, ...others] = edge.data?.tunnelIds ?? [];
  if (id !== undefined && others.length === 0) useViewStore.getState().select({ kind: 'tunnel', id });
}
