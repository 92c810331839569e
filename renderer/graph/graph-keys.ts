import type { KeyMap } from '../shell/use-keys.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { homeGroup } from '../stores/home-group.ts';
import { type Focus, type Point, useViewStore } from '../stores/view-store.ts';
import { domIdOf, setCursor, useCursor } from './cursor.ts';
import { toggleGroup } from './GroupNode.tsx';
import { beaconNode } from './labels.ts';
import { agentKey, beaconKey } from './layout.ts';
import { type Direction, nearestIn } from './nearest.ts';
import { needsOf } from './needs.ts';

/** What the keys do to the camera and where things stand. */
export interface GraphCamera {
  centres(): ReadonlyMap<string, Point>;
  /** Where an element is placed, relative to its group. */
  placeOf(key: string): Point | undefined;
  zoom(factor: number): void;
  fit(): void;
  reveal(at: Point): void;
}

/** The keys of the drawing. */
export function graphKeys(camera: GraphCamera): KeyMap {
  const walk = (direction: Direction) => () => {
    const centres = camera.centres();
    const key = useCursor.getState().key ?? selfKey();
    const from = centres.get(key);
    const others = [...centres].filter(([other]) => other !== key);
    const next = from === undefined ? others[0]?.[0] : nearestIn(from, direction, others);
    if (next !== undefined) moveTo(next, camera);
  };
  return {
    ArrowLeft: walk('ArrowLeft'),
    ArrowRight: walk('ArrowRight'),
    ArrowUp: walk('ArrowUp'),
    ArrowDown: walk('ArrowDown'),
    f: toggleFocus,
    1: () => setHops(1),
    2: () => setHops(2),
    3: () => setHops(3),
    '+': () => camera.zoom(1.25),
    '=': () => camera.zoom(1.25),
    '-': () => camera.zoom(0.8),
    0: camera.fit,
    t: () => useViewStore.getState().set({ table: true }),
    o: toggleOwnGroup,
    p: () => togglePin(camera),
    b: () => followToBeacon(camera),
    x: () => nextNeed(camera),
  };
}

const selfKey = (): string => agentKey(useGraphStore.getState().self ?? 0);

function moveTo(key: string, camera: GraphCamera): void {
  setCursor(key);
  const focus = () => document.getElementById(domIdOf(key))?.focus({ preventScroll: true });
  if (isInView(document.getElementById(domIdOf(key)))) return focus();
  const at = camera.centres().get(key);
  if (at !== undefined) camera.reveal(at);
  requestAnimationFrame(focus); // what is out of view is not in the page before
}

function isInView(element: HTMLElement | null): boolean {
  const area = document.querySelector('.graph-canvas')?.getBoundingClientRect();
  const box = element?.getBoundingClientRect();
  if (area === undefined || box === undefined) return false;
  return box.left >= area.left && box.right <= area.right && box.top >= area.top && box.bottom <= area.bottom;
}

/** The agent that keys are about: the one they stand on, else the selected one. */
function currentAgent(): number | undefined {
  const { key } = useCursor.getState();
  if (key?.startsWith('agent:')) return Number(key.slice('agent:'.length));
  const { selection } = useViewStore.getState();
  return selection?.kind === 'agent' ? selection.nodeId : undefined;
}

function toggleFocus(): void {
  const { focus, set } = useViewStore.getState();
  const nodeId = currentAgent();
  if (focus !== undefined && (nodeId === undefined || nodeId === focus.nodeId)) set({ focus: undefined });
  else if (nodeId !== undefined) set({ focus: { nodeId, hops: 1 } });
}

function setHops(hops: Focus['hops']): false | undefined {
  const { focus, set } = useViewStore.getState();
  if (focus === undefined) return false;
  set({ focus: { ...focus, hops } });
}

function toggleOwnGroup(): void {
  const { key } = useCursor.getState();
  const agent = useGraphStore.getState().agents.get(currentAgent() ?? 0);
  const groupId = key?.startsWith('group:') ? Number(key.slice('group:'.length)) : agent && homeGroup(agent);
  if (groupId === undefined || agent?.self === true) return;
  toggleGroup(groupId, useViewStore.getState().collapsed[groupId] === true);
}

/** Pins an element where it stands, or lets the layout place it again. */
function togglePin(camera: GraphCamera): void {
  const { key } = useCursor.getState();
  if (key === undefined) return;
  const { pins, pin } = useViewStore.getState();
  pin(key, pins[key] === undefined ? camera.placeOf(key) : undefined);
}

function followToBeacon(camera: GraphCamera): void {
  const { tunnels, beacons } = useGraphStore.getState();
  const { selection } = useViewStore.getState();
  const nodeId = currentAgent();
  const tunnel =
    selection?.kind === 'tunnel'
      ? tunnels.get(selection.id)
      : [...tunnels.values()].find((each) => each.path === 'relay' && (each.a === nodeId || each.b === nodeId));
  const beacon = tunnel?.beacon === undefined ? undefined : beaconNode(tunnel.beacon, beacons);
  if (beacon !== undefined) moveTo(beaconKey(beacon.id), camera);
}

/** From one thing that is not well to the next. */
function nextNeed(camera: GraphCamera): void {
  const { agents, tunnels } = useGraphStore.getState();
  const { selection, select } = useViewStore.getState();
  const needs = needsOf(agents.values(), tunnels.values(), agents);
  const current = needs.findIndex((need) => JSON.stringify(need.selection) === JSON.stringify(selection));
  const next = needs[(current + 1) % Math.max(1, needs.length)];
  if (next === undefined) return;
  select(next.selection);
  if (next.selection.kind === 'agent') moveTo(agentKey(next.selection.nodeId), camera);
}
