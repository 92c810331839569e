import { createContext } from 'react';
import type { Point } from '../stores/view-store.ts';
import type { EdgePath } from './edge-path.ts';
import type { GraphNode } from './elements.ts';
import { GROUP_HEADER, type Rect } from './layout.ts';

/** What labels of edges must not cover, in the drawing's coordinates. */
export const Obstacles = createContext<readonly Rect[]>([]);

export interface LabelSize {
  readonly width: number;
  readonly height: number;
}

/** How near to an edge's ends a label may go, as a share of its length. */
const MARGIN = 0.12;
const STEP = 0.04;
/** Between a label beside its edge and the edge. */
const BESIDE_PX = 4;
/** Half the width of the line on which a beacon knows this node. */
const STEM_PX = 3;

/** Cards, closed groups, heads of open ones, beacons with their words, and the lines from these to this node. */
export function obstaclesOf(nodes: readonly GraphNode[]): Rect[] {
  const places = new Map(nodes.map((node) => [node.id, node.position]));
  const rectOf = (node: GraphNode): Rect => {
    const offset = places.get(node.parentId ?? '') ?? { x: 0, y: 0 };
    const { x, y } = node.position;
    return { x: x + offset.x, y: y + offset.y, width: node.width ?? 0, height: node.height ?? 0 };
  };
  const boxes = nodes.map((node) => {
    const open = node.type === 'container' && !node.data.collapsed;
    return open ? { ...rectOf(node), height: GROUP_HEADER } : rectOf(node);
  });
  const self = nodes.find((node) => node.type === 'agent' && node.parentId === undefined);
  const beacons = nodes.filter((node) => node.type === 'beacon');
  return self === undefined ? boxes : [...boxes, ...beacons.map((beacon) => stemOf(rectOf(beacon), rectOf(self)))];
}

function stemOf(beacon: Rect, self: Rect): Rect {
  const [upper, lower] = beacon.y < self.y ? [beacon, self] : [self, beacon];
  const top = upper.y + upper.height;
  const x = beacon.x + beacon.width / 2 - STEM_PX;
  return { x, y: top, width: 2 * STEM_PX, height: Math.max(0, lower.y - top) };
}

/**
 * Where a label covers nothing: on its edge as near as possible to `asked`, a share of the edge's length, or else just
 * under or over it. Undefined where there is no room.
 */
export function freePlace(
  path: EdgePath,
  asked: number,
  size: LabelSize,
  obstacles: readonly Rect[],
): Point | undefined {
  const beside = size.height / 2 + BESIDE_PX;
  for (const offsets of [[0], [beside, -beside]]) {
    for (const share of sharesFrom(asked)) {
      const { x, y } = path.along(share);
      const free = offsets.map((offset) => ({ x, y: y + offset })).find((at) => isFree(at, size, obstacles));
      if (free !== undefined) return free;
    }
  }
  return undefined;
}

function sharesFrom(asked: number): number[] {
  const shares = [asked];
  for (let away = STEP; away < 1; away += STEP) {
    shares.push(...[asked - away, asked + away].filter((share) => share >= MARGIN && share <= 1 - MARGIN));
  }
  return shares;
}

const isFree = ({ x, y }: Point, { width, height }: LabelSize, obstacles: readonly Rect[]): boolean =>
  obstacles.every(
    (rect) =>
      x + width / 2 <= rect.x ||
      x - width / 2 >= rect.x + rect.width ||
      y + height / 2 <= rect.y ||
      y - height / 2 >= rect.y + rect.height,
  );
