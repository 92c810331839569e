import { expect, test } from 'vitest';
import {
  agentKey,
  groupKey,
  type LayoutRequest,
  layOut,
  MEASURES,
  type Rect,
} from '../../../../renderer/graph/layout.ts';

const request = (change: Partial<LayoutRequest> = {}): LayoutRequest => ({
  level: 'mid',
  self: 1,
  groups: [11, 12, 13, 14].map((groupId) => ({
    groupId,
    memberIds: Array.from({ length: 6 }, (_, index) => groupId * 100 + index),
    collapsed: false,
  })),
  beaconIds: ['b1', 'b2'],
  slots: {},
  pins: {},
  ...change,
});

function overlaps(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

test.each(['mid', 'near'] as const)('nothing overlaps at %s zoom', (level) => {
  for (const count of [1, 2, 3, 5, 8, 11]) {
    const groups = Array.from({ length: count }, (_, index) => ({
      groupId: index + 1,
      memberIds: Array.from({ length: 1 + ((index * 7) % 11) }, (_, member) => (index + 1) * 100 + member),
      collapsed: index % 4 === 3,
    }));
    const { rects } = layOut(request({ level, groups }));
    const outer = Object.entries(rects).filter(([key]) => !key.startsWith('agent:') || key === agentKey(1));
    for (const [a, first] of outer) {
      for (const [b, second] of outer) {
        if (a < b) expect(overlaps(first, second), `${a} and ${b} of ${count} groups`).toBe(false);
      }
    }
  }
});

test('members stay inside their group, two in a row', () => {
  const { rects } = layOut(request());
  const group = rects[groupKey(11)];
  const places = Array.from({ length: 6 }, (_, index) => rects[agentKey(1_100 + index)]);
  for (const place of places) {
    expect(place && place.x >= 0 && place.x + place.width <= (group?.width ?? 0)).toBe(true);
    expect(place && place.y >= 0 && place.y + place.height <= (group?.height ?? 0)).toBe(true);
  }
  expect(new Set(places.map((place) => place?.x)).size).toBe(2);
  expect(places[0]).toMatchObject(MEASURES.mid.card);
});

test('an agent that comes or goes moves no other', () => {
  const first = layOut(request());
  const members = [1_100, 1_102, 1_103, 1_104, 1_105, 1_150];
  const groups = request().groups.map((group) => (group.groupId === 11 ? { ...group, memberIds: members } : group));
  const second = layOut(request({ groups, slots: first.slots }));
  for (const nodeId of [1_100, 1_102, 1_103, 1_104, 1_105]) {
    expect(second.rects[agentKey(nodeId)]).toEqual(first.rects[agentKey(nodeId)]);
  }
  expect(second.rects[agentKey(1_150)]).toEqual(first.rects[agentKey(1_101)]);
});

test('an agent that was first seen in another group takes the lowest free place of its own', () => {
  const of = (first: number[], second: number[]) =>
    [first, second].map((memberIds, index) => ({ groupId: 11 + index, memberIds, collapsed: false }));
  const before = layOut(request({ groups: of([1, 2, 3, 4], []) }));
  const after = layOut(request({ groups: of([1, 2], [4, 3]), slots: before.slots }));
  const fresh = layOut(request({ groups: of([1, 2], [3, 4]) }));
  expect(after.rects[groupKey(12)]?.height).toBe(fresh.rects[groupKey(12)]?.height);
  expect([after.rects[agentKey(3)]?.y, after.rects[agentKey(4)]?.y]).toEqual([
    fresh.rects[agentKey(3)]?.y,
    fresh.rects[agentKey(4)]?.y,
  ]);
});

test('pins win over slots', () => {
  const { rects } = layOut(request({ pins: { [agentKey(1)]: { x: 900, y: -40 } } }));
  expect(rects[agentKey(1)]).toMatchObject({ x: 900, y: -40 });
});

test('a closed group has one size and no members', () => {
  const groups = [{ groupId: 11, memberIds: Array.from({ length: 80 }, (_, index) => 2_000 + index), collapsed: true }];
  const { rects } = layOut(request({ groups }));
  expect(rects[groupKey(11)]).toMatchObject({ width: 308, height: 118 });
  expect(rects[agentKey(2_000)]).toBeUndefined();
});

test('the middle column holds this node and the beacons above and below it', () => {
  const { rects } = layOut(request());
  const middle = (rect: Rect | undefined) => (rect === undefined ? Number.NaN : rect.x + rect.width / 2);
  expect([middle(rects[agentKey(1)]), middle(rects['beacon:b1']), middle(rects['beacon:b2'])]).toEqual([0, 0, 0]);
  expect((rects['beacon:b1']?.y ?? 0) < 0 && (rects['beacon:b2']?.y ?? 0) > 0).toBe(true);
});
