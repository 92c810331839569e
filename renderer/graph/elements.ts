import type { Edge, Node, NodeHandle } from '@xyflow/react';
import { Position } from '@xyflow/react';
import type { Beacon, Tunnel } from '../../node-core/contract/graph.ts';
import { homeGroup } from '../stores/home-group.ts';
import { beaconNode } from './labels.ts';
import { agentKey, BEACON, beaconKey, groupKey, type LayoutResult, MEASURES, type Rect } from './layout.ts';
import type { Scene } from './scene.ts';

export type Level = 'far' | 'mid' | 'near';

export interface AgentData extends Record<string, unknown> {
  readonly nodeId: number;
  readonly level: Level;
  readonly dimmed: boolean;
}
export interface GroupData extends Record<string, unknown> {
  readonly groupId: number;
  readonly memberIds: readonly number[];
  readonly collapsed: boolean;
}
export interface BeaconData extends Record<string, unknown> {
  readonly id: string;
}
export interface TunnelData extends Record<string, unknown> {
  /** The first is the one a click selects; several only where a closed group gathers its quiet ones. */
  readonly tunnelIds: readonly string[];
  /** A relayed tunnel is drawn as two segments, to its beacon and from it. */
  readonly segment: 'whole' | 'to beacon' | 'from beacon';
  readonly dimmed: boolean;
  /** How an edge leaves or enters past the cards of the column between: first into the gap under its own card. */
  readonly sourceDetour: number;
  readonly targetDetour: number;
}
export type AgentFlowNode = Node<AgentData, 'agent'>;
export type GroupFlowNode = Node<GroupData, 'container'>;
export type BeaconFlowNode = Node<BeaconData, 'beacon'>;
export type GraphNode = AgentFlowNode | GroupFlowNode | BeaconFlowNode;
export type TunnelFlowEdge = Edge<TunnelData, 'tunnel'>;
/** This node and a beacon that knows it. */
export type RegisteredFlowEdge = Edge<Record<string, never>, 'registered'>;
export type GraphEdge = TunnelFlowEdge | RegisteredFlowEdge;

export interface Elements {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** Objects of the drawing before, by id, so that what did not change is the same object and is not rendered again. */
export type ElementCache = Map<string, { readonly signature: string; readonly element: GraphNode | GraphEdge }>;

interface Place {
  readonly key: string;
  readonly rect: Rect;
  /** Which column of its container it stands in; undefined outside of containers. */
  readonly column: 0 | 1 | undefined;
}

/** The scene and its places as React Flow's nodes and edges. */
export function elementsOf(
  cache: ElementCache,
  scene: Scene,
  layout: LayoutResult,
  level: Level,
  beacons: ReadonlyMap<string, Beacon>,
  self: number | undefined,
): Elements {
  const next: ElementCache = new Map();
  const keep = <T extends GraphNode | GraphEdge>(element: T): T => {
    const signature = JSON.stringify(element);
    const before = cache.get(element.id);
    const kept = before?.signature === signature ? (before.element as T) : element;
    next.set(element.id, { signature, element: kept });
    return kept;
  };
  const nodes = nodesOf(scene, layout, level).map(keep);
  const edges = [...registeredEdges(scene, layout, self), ...edgesOf(scene, layout, beacons)].map(keep);
  cache.clear();
  for (const [id, entry] of next) cache.set(id, entry);
  return { nodes, edges };
}

function nodesOf(scene: Scene, layout: LayoutResult, level: Level): GraphNode[] {
  const { rects } = layout;
  const nodes: GraphNode[] = [];
  for (const { groupId, memberIds, collapsed } of scene.groups) {
    const rect = rects[groupKey(groupId)];
    if (rect === undefined) continue;
    const data: GroupData = { groupId, memberIds, collapsed };
    nodes.push({ id: groupKey(groupId), type: 'container', data, ...placed(rect), zIndex: 0 });
  }
  for (const agent of scene.agents) {
    const key = agentKey(agent.nodeId);
    const rect = rects[key];
    const parentId = groupKey(homeGroup(agent));
    if (rect === undefined || (!agent.self && rects[parentId] === undefined)) continue;
    const data: AgentData = { nodeId: agent.nodeId, level, dimmed: scene.dimmed.has(agent.nodeId) };
    const inside = agent.self ? {} : { parentId };
    nodes.push({ id: key, type: 'agent', data, ...placed(rect), ...inside, zIndex: 2 });
  }
  for (const id of scene.beaconIds) {
    const rect = rects[beaconKey(id)];
    if (rect !== undefined) {
      nodes.push({ id: beaconKey(id), type: 'beacon', data: { id }, ...placed(rect, 20, 20), zIndex: 2 });
    }
  }
  return nodes;
}

/** Size, place and the points where edges end; with these React Flow can leave out what is not in view. */
function placed(rect: Rect, handleY = rect.height / 2, halfWidth = rect.width / 2) {
  const { x, y, width, height } = rect;
  const handle = (id: string, position: Position, hx: number, hy: number): NodeHandle => {
    return { id, type: 'source', position, x: hx, y: hy, width: 1, height: 1 };
  };
  const middle = width / 2;
  const handles = [
    handle('l', Position.Left, middle - halfWidth, handleY),
    handle('r', Position.Right, middle + halfWidth, handleY),
    handle('t', Position.Top, middle, 0),
    handle('b', Position.Bottom, middle, handleY === height / 2 ? height : 2 * handleY),
  ];
  return { position: { x, y }, width, height, handles };
}

function registeredEdges(scene: Scene, layout: LayoutResult, self: number | undefined): RegisteredFlowEdge[] {
  const source = agentKey(self ?? 0);
  const own = layout.rects[source];
  if (own === undefined) return [];
  return scene.beaconIds.flatMap((id) => {
    const target = beaconKey(id);
    const rect = layout.rects[target];
    if (rect === undefined) return [];
    const [sourceHandle, targetHandle] = rect.y > own.y ? ['b', 't'] : ['t', 'b'];
    return [
      { id: `registered ${id}`, type: 'registered' as const, source, target, sourceHandle, targetHandle, zIndex: 0 },
    ];
  });
}

function edgesOf(scene: Scene, layout: LayoutResult, beacons: ReadonlyMap<string, Beacon>): TunnelFlowEdge[] {
  const places = placesOf(scene, layout);
  const gathered = new Map<string, TunnelFlowEdge>();
  const edges: TunnelFlowEdge[] = [];
  for (const tunnel of scene.tunnels) {
    const a = places.get(tunnel.a);
    const b = places.get(tunnel.b);
    if (a === undefined || b === undefined || a.key === b.key) continue;
    const dimmed = scene.dimmed.has(tunnel.a) && scene.dimmed.has(tunnel.b);
    const through =
      tunnel.path === 'relay' && tunnel.beacon !== undefined ? beaconNode(tunnel.beacon, beacons) : undefined;
    const beaconRect = through === undefined ? undefined : layout.rects[beaconKey(through.id)];
    if (through !== undefined && beaconRect !== undefined && scene.beaconIds.includes(through.id)) {
      const beacon: Place = { key: beaconKey(through.id), rect: { ...beaconRect, height: 40 }, column: undefined };
      edges.push(edgeOf(tunnel, a, beacon, 'to beacon', dimmed, layout));
      edges.push(edgeOf(tunnel, beacon, b, 'from beacon', dimmed, layout));
    } else if (isQuiet(tunnel) && (a.key.startsWith('group:') || b.key.startsWith('group:'))) {
      gather(gathered, edgeOf(tunnel, a, b, 'whole', dimmed, layout));
    } else {
      edges.push(edgeOf(tunnel, a, b, 'whole', dimmed, layout));
    }
  }
  return [...edges, ...gathered.values()];
}

const isQuiet = (tunnel: Tunnel): boolean => tunnel.health.state === 'ok' || tunnel.health.state === 'unknown';

/** Quiet tunnels to a closed group lie on one line: as separate lines they would cover each other. */
function gather(gathered: Map<string, TunnelFlowEdge>, edge: TunnelFlowEdge): void {
  const key = [edge.source, edge.target].sort().join(' ');
  const before = gathered.get(key);
  if (before?.data === undefined) {
    gathered.set(key, { ...edge, id: `tunnels ${key}` });
    return;
  }
  const tunnelIds = [...before.data.tunnelIds, ...(edge.data?.tunnelIds ?? [])];
  gathered.set(key, { ...before, data: { ...before.data, tunnelIds } });
}

/** Where each node's edges begin: at its card, or at its closed group. */
function placesOf(scene: Scene, layout: LayoutResult): Map<number, Place> {
  const places = new Map<number, Place>();
  const containers = new Map(scene.groups.map((group) => [group.groupId, group]));
  for (const agent of scene.agents) {
    const home = agent.self ? undefined : containers.get(homeGroup(agent));
    const groupRect = home === undefined ? undefined : layout.rects[groupKey(home.groupId)];
    if (home?.collapsed === true && groupRect !== undefined) {
      places.set(agent.nodeId, { key: groupKey(home.groupId), rect: groupRect, column: undefined });
      continue;
    }
    const key = agentKey(agent.nodeId);
    const rect = layout.rects[key];
    if (rect === undefined) continue;
    const offset = groupRect ?? { x: 0, y: 0 };
    const column = groupRect === undefined ? undefined : rect.x < groupRect.width / 3 ? 0 : 1;
    places.set(agent.nodeId, { key, rect: { ...rect, x: rect.x + offset.x, y: rect.y + offset.y }, column });
  }
  return places;
}

type Side = 'l' | 'r' | 't' | 'b';

function edgeOf(
  tunnel: Tunnel,
  from: Place,
  to: Place,
  segment: TunnelData['segment'],
  dimmed: boolean,
  layout: LayoutResult,
): TunnelFlowEdge {
  const [source, target] = sidesOf(from, to);
  const data: TunnelData = {
    tunnelIds: [tunnel.id],
    segment,
    dimmed,
    sourceDetour: detourOf(from, source, to, layout),
    targetDetour: detourOf(to, target, from, layout),
  };
  const id = segment === 'whole' ? tunnel.id : `${tunnel.id} ${segment}`;
  return {
    id,
    type: 'tunnel',
    source: from.key,
    target: to.key,
    sourceHandle: source,
    targetHandle: target,
    data,
    zIndex: 1,
  };
}

const centreX = (place: Place): number => place.rect.x + place.rect.width / 2;
const centreY = (place: Place): number => place.rect.y + place.rect.height / 2;

/** Sides that face each other; two in one column both leave towards the middle of the picture. */
function sidesOf(from: Place, to: Place): [Side, Side] {
  const dx = centreX(to) - centreX(from);
  const dy = centreY(to) - centreY(from);
  const apart = Math.abs(dx) > (from.rect.width + to.rect.width) / 2;
  if (apart) return dx > 0 ? ['r', 'l'] : ['l', 'r'];
  const standalone = from.column === undefined && to.column === undefined;
  if (standalone) return dy > 0 ? ['b', 't'] : ['t', 'b'];
  const inward: Side = inwardSide(from.column === undefined ? to : from);
  return [inward, inward];
}

/** Inside a group towards its lane; the lane lies right of the first column and left of the second. */
const inwardSide = (place: Place): Side => (place.column === 0 ? 'r' : 'l');

/** Signed way along x that an edge has to go past the other column of its own group; 0 when nothing is in between. */
function detourOf(place: Place, side: Side, other: Place, layout: LayoutResult): number {
  if (place.column === undefined || place.rect.width === BEACON.width) return 0;
  const { card, lane } = MEASURES[layout.level];
  const past = lane + card.width + 10;
  const inSameGroup = Math.abs(centreX(other) - centreX(place)) <= card.width + lane + 1 && other.column !== undefined;
  if (inSameGroup) return 0;
  if (side === 'r' && place.column === 0) return past;
  if (side === 'l' && place.column === 1) return -past;
  return 0;
}
