import { Position } from '@xyflow/react';
import type { Point } from '../stores/view-store.ts';

export interface EdgeEnd extends Point {
  readonly side: Position;
  /** Signed way past the other column of its group, 0 when the way is free. */
  readonly detour: number;
  /** How far it goes straight on at least before it turns. */
  readonly reach?: number;
}
export interface EdgePath {
  readonly d: string;
  /** A place on the bezier, 0 at its start and 1 at its end. */
  along(share: number): Point;
}

const MIN_BEND = 28;
const MAX_BEND = 160;
/** Keeps an edge between two cards of one column inside the lane beside it. */
const LANE_BEND = 44;

/**
 * An edge as a bezier between two sides. An end with a detour first goes down into the gap under its card and along it
 * past the cards of the next column, so that no edge crosses a card. `gap` is the way from a card's middle to there.
 */
export function edgePath(from: EdgeEnd, to: EdgeEnd, gap: number): EdgePath {
  const start = leave(from, gap);
  const end = leave(to, gap);
  const bend = bendOf(start.point, end.point, from.side, to.side);
  const c1 = ahead(start.point, from.side, Math.max(bend, from.reach ?? 0));
  const c2 = ahead(end.point, to.side, Math.max(bend, to.reach ?? 0));
  const d = `M${at(from)} ${start.way}C${at(c1)} ${at(c2)} ${at(end.point)}${reversed(to, end, gap)}`;
  return { d, along: (share) => bezierPoint(start.point, c1, c2, end.point, share) };
}

const round = (value: number): number => Math.round(value * 10) / 10;
const at = ({ x, y }: Point): string => `${round(x)},${round(y)}`;

function leave(end: EdgeEnd, gap: number): { way: string; point: Point } {
  if (end.detour === 0) return { way: '', point: end };
  const turn = laneOf(end);
  const inGap = { x: end.x + turn, y: end.y + gap };
  const point = { x: end.x + end.detour, y: end.y + gap };
  return {
    way: `C${at({ x: end.x + turn * 0.7, y: end.y })} ${at({ x: inGap.x - turn * 0.6, y: inGap.y })} ${at(inGap)} L${at(point)} `,
    point,
  };
}

function reversed(end: EdgeEnd, left: { point: Point }, gap: number): string {
  if (end.detour === 0) return '';
  const turn = laneOf(end);
  const inGap = { x: end.x + turn, y: left.point.y };
  return ` L${at(inGap)} C${at({ x: inGap.x - turn * 0.6, y: end.y + gap })} ${at({ x: end.x + turn * 0.7, y: end.y })} ${at(end)}`;
}

const laneOf = (end: EdgeEnd): number => Math.sign(end.detour) * 30;

function bendOf(a: Point, b: Point, from: Position, to: Position): number {
  const across = from === Position.Left || from === Position.Right ? Math.abs(b.x - a.x) : Math.abs(b.y - a.y);
  if (from === to) return Math.min(LANE_BEND, Math.max(14, Math.abs(b.y - a.y) * 0.25));
  return Math.min(MAX_BEND, Math.max(MIN_BEND, across * 0.5));
}

function ahead(point: Point, side: Position, by: number): Point {
  if (side === Position.Left) return { x: point.x - by, y: point.y };
  if (side === Position.Right) return { x: point.x + by, y: point.y };
  return { x: point.x, y: point.y + (side === Position.Top ? -by : by) };
}

function bezierPoint(a: Point, c1: Point, c2: Point, b: Point, t: number): Point {
  const u = 1 - t;
  const mix = (p: number, q: number, r: number, s: number) =>
    u ** 3 * p + 3 * u * u * t * q + 3 * u * t * t * r + t ** 3 * s;
  return { x: mix(a.x, c1.x, c2.x, b.x), y: mix(a.y, c1.y, c2.y, b.y) };
}
