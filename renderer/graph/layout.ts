import type { Point } from '../stores/view-store.ts';

/** Agents are drawn as cards of one size per level; `near` shows more facts. Far zoom uses the places of `mid`. */
export type LayoutLevel = 'mid' | 'near';

export interface LayoutGroup {
  readonly groupId: number;
  /** In the order in which free slots are given. */
  readonly memberIds: readonly number[];
  readonly collapsed: boolean;
}
export interface LayoutRequest {
  readonly level: LayoutLevel;
  readonly self: number | undefined;
  readonly groups: readonly LayoutGroup[];
  readonly beaconIds: readonly string[];
  /** Slots given before, as a result has them; what has one keeps it. */
  readonly slots: Readonly<Record<string, number>>;
  readonly pins: Readonly<Record<string, Point>>;
}
export interface Rect extends Point {
  readonly width: number;
  readonly height: number;
}
export interface LayoutResult {
  readonly level: LayoutLevel;
  /** By element key; an agent's place is relative to its group's. */
  readonly rects: Readonly<Record<string, Rect>>;
  /** By element key, of a member by its group's key and its own. */
  readonly slots: Readonly<Record<string, number>>;
}

export const agentKey = (nodeId: number): string => `agent:${nodeId}`;
export const groupKey = (groupId: number): string => `group:${groupId}`;
export const beaconKey = (id: string): string => `beacon:${id}`;
/** An agent's slot belongs to its group: in another one it takes a place of its own. */
const memberKey = (groupId: number, nodeId: number): string => `${groupKey(groupId)} ${agentKey(nodeId)}`;

interface Measures {
  readonly card: { readonly width: number; readonly height: number };
  readonly self: { readonly width: number; readonly height: number };
  /** Between the two columns of a group: room for the edges inside it. */
  readonly lane: number;
  readonly gap: number;
}
export const MEASURES: Readonly<Record<LayoutLevel, Measures>> = {
  mid: { card: { width: 148, height: 40 }, self: { width: 176, height: 46 }, lane: 36, gap: 10 },
  near: { card: { width: 232, height: 122 }, self: { width: 232, height: 122 }, lane: 56, gap: 14 },
};
export const GROUP_HEADER = 38;
export const GROUP_PAD = 10;
export const COLLAPSED = { width: 308, height: 118 };
export const BEACON = { width: 150, height: 72 };
/** Between this node and the groups left and right of it, both together. */
const CENTRE_ROOM = 128;
const OUTER_GAP = 72;
const ROW_GAP = 168;
const BEACON_STEP = 156;
const MIN_ROWS = 2;

/**
 * Places everything: groups left and right of a middle column that holds this node and the beacons; members in two
 * columns inside their group. Slots are kept, so an agent that comes or goes moves no other; pins win over all.
 */
export function layOut(request: LayoutRequest): LayoutResult {
  const slots: Record<string, number> = {};
  const gridSlots = giveSlots(
    request.groups.map((group) => groupKey(group.groupId)),
    request.slots,
    slots,
  );
  const rects: Record<string, Rect> = {};
  const sizes = new Map<number, { width: number; height: number }>();
  for (const group of request.groups) {
    const keys = group.memberIds.map((nodeId) => memberKey(group.groupId, nodeId));
    const memberSlots = giveSlots(keys, request.slots, slots);
    sizes.set(group.groupId, groupSize(group, memberSlots, request.level));
    if (!group.collapsed) placeMembers(group, memberSlots, request, rects);
  }
  placeGroups(request, gridSlots, sizes, rects);
  placeMiddle(request, rects);
  return { level: request.level, rects, slots };
}

/** Each key its old slot, if no one else has it; the others the lowest free ones. */
function giveSlots(
  keys: readonly string[],
  before: Readonly<Record<string, number>>,
  into: Record<string, number>,
): Map<string, number> {
  const given = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of keys) {
    const slot = before[key];
    if (slot === undefined || taken.has(slot)) continue;
    given.set(key, slot);
    taken.add(slot);
  }
  let free = 0;
  for (const key of keys) {
    if (given.has(key)) continue;
    while (taken.has(free)) free++;
    given.set(key, free);
    taken.add(free);
  }
  for (const [key, slot] of given) into[key] = slot;
  return given;
}

function groupSize(group: LayoutGroup, slots: ReadonlyMap<string, number>, level: LayoutLevel) {
  if (group.collapsed) return COLLAPSED;
  const { card, lane, gap } = MEASURES[level];
  const rows = Math.max(MIN_ROWS, ...[...slots.values()].map((slot) => Math.floor(slot / 2) + 1));
  return {
    width: 2 * GROUP_PAD + 2 * card.width + lane,
    height: GROUP_HEADER + rows * (card.height + gap) + 2,
  };
}

function placeMembers(
  group: LayoutGroup,
  slots: ReadonlyMap<string, number>,
  request: LayoutRequest,
  rects: Record<string, Rect>,
): void {
  const { card, lane, gap } = MEASURES[request.level];
  for (const nodeId of group.memberIds) {
    const key = agentKey(nodeId);
    const slot = slots.get(memberKey(group.groupId, nodeId)) ?? 0;
    const x = GROUP_PAD + (slot % 2) * (card.width + lane);
    const y = GROUP_HEADER + Math.floor(slot / 2) * (card.height + gap);
    rects[key] = { x, y, ...request.pins[key], ...card };
  }
}

/** Slots fill left, right, left, right from the top; beyond four on a side, further columns stand outside. */
function placeGroups(
  request: LayoutRequest,
  slots: ReadonlyMap<string, number>,
  sizes: ReadonlyMap<number, { width: number; height: number }>,
  rects: Record<string, Rect>,
): void {
  const rows = gridRows(Math.max(0, ...[...slots.values()].map((slot) => slot + 1)));
  const heights = new Array<number>(rows).fill(0);
  const { card, lane, self } = MEASURES[request.level];
  const columnWidth = 2 * GROUP_PAD + 2 * card.width + lane;
  const cells = request.groups.map((group) => {
    const slot = slots.get(groupKey(group.groupId)) ?? 0;
    const cell = {
      group,
      right: slot % 2 === 1,
      row: Math.floor(slot / 2) % rows,
      column: Math.floor(slot / 2 / rows),
    };
    const size = sizes.get(group.groupId) ?? COLLAPSED;
    heights[cell.row] = Math.max(heights[cell.row] ?? 0, size.height);
    return { ...cell, size };
  });
  const total = heights.reduce((sum, height) => sum + height, 0) + ROW_GAP * (rows - 1);
  const tops = heights.map(
    (_, row) => heights.slice(0, row).reduce((sum, each) => sum + each + ROW_GAP, 0) - total / 2,
  );
  for (const { group, right, row, column, size } of cells) {
    const inner = (self.width + CENTRE_ROOM) / 2 + column * (columnWidth + OUTER_GAP);
    const x = right ? inner : -inner - size.width;
    const key = groupKey(group.groupId);
    const y = (tops[row] ?? 0) + (row < rows / 2 && rows > 1 ? (heights[row] ?? 0) - size.height : 0);
    rects[key] = { x, y, ...request.pins[key], ...size };
  }
}

const gridRows = (slots: number): number => Math.max(1, Math.min(4, Math.ceil(slots / 2)));

function placeMiddle(request: LayoutRequest, rects: Record<string, Rect>): void {
  const { self: size } = MEASURES[request.level];
  if (request.self !== undefined) {
    const key = agentKey(request.self);
    rects[key] = { x: -size.width / 2, y: -size.height / 2, ...request.pins[key], ...size };
  }
  request.beaconIds.forEach((id, index) => {
    const key = beaconKey(id);
    const away = size.height / 2 + BEACON_STEP * (1 + Math.floor(index / 2));
    const y = (index % 2 === 0 ? -away : away) - BEACON.height / 2;
    rects[key] = { x: -BEACON.width / 2, y, ...request.pins[key], ...BEACON };
  });
}
