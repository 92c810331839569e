import { homeGroup } from '../stores/home-group.ts';
import type { Point } from '../stores/view-store.ts';
import { agentKey, groupKey, type LayoutResult, type Rect } from './layout.ts';
import type { Scene } from './scene.ts';

export interface Viewport extends Point {
  readonly zoom: number;
}

/** The middle of every element in the picture's own coordinates; members stand relative to their group. */
export function centresOf(layout: LayoutResult, scene: Scene): Map<string, Point> {
  const centres = new Map<string, Point>();
  const homes = new Map(
    scene.agents.map((agent) => [agentKey(agent.nodeId), agent.self ? undefined : homeGroup(agent)]),
  );
  for (const [key, rect] of Object.entries(layout.rects)) {
    const home = homes.get(key);
    const parent = home === undefined ? undefined : layout.rects[groupKey(home)];
    centres.set(key, centreOf(rect, parent));
  }
  return centres;
}

function centreOf(rect: Rect, parent: Point | undefined): Point {
  return { x: rect.x + (parent?.x ?? 0) + rect.width / 2, y: rect.y + (parent?.y ?? 0) + rect.height / 2 };
}

/** What encloses the whole picture; members lie inside their groups. */
export function boundsOf(layout: LayoutResult): Rect {
  const members = new Set(Object.keys(layout.slots).map((key) => key.slice(key.indexOf(' ') + 1)));
  // this node stands outside of the groups: it is the one agent without a slot
  const outer = Object.entries(layout.rects).filter(([key]) => !key.startsWith('agent:') || !members.has(key));
  const lefts = outer.map(([, rect]) => rect.x);
  const tops = outer.map(([, rect]) => rect.y);
  const x = Math.min(...lefts);
  const y = Math.min(...tops);
  const right = Math.max(...outer.map(([, rect]) => rect.x + rect.width));
  const bottom = Math.max(...outer.map(([, rect]) => rect.y + rect.height));
  return outer.length === 0 ? { x: 0, y: 0, width: 1, height: 1 } : { x, y, width: right - x, height: bottom - y };
}

/** The view after cards changed their size, with the element that stood nearest the middle still at its place. */
export function scaledView(
  view: Viewport,
  size: { readonly width: number; readonly height: number },
  before: LayoutResult,
  after: LayoutResult,
  scene: Scene,
): Viewport {
  const middle = { x: (size.width / 2 - view.x) / view.zoom, y: (size.height / 2 - view.y) / view.zoom };
  const old = centresOf(before, scene);
  const fresh = centresOf(after, scene);
  let nearest: { key: string; away: number } | undefined;
  for (const [key, at] of old) {
    const away = Math.hypot(at.x - middle.x, at.y - middle.y);
    if (key.startsWith('agent:') && fresh.has(key) && (nearest === undefined || away < nearest.away))
      nearest = { key, away };
  }
  const from = old.get(nearest?.key ?? '');
  const to = fresh.get(nearest?.key ?? '');
  if (from === undefined || to === undefined) return view;
  return { zoom: view.zoom, x: view.x + (from.x - to.x) * view.zoom, y: view.y + (from.y - to.y) * view.zoom };
}
