import type { Group } from '../../node-core/contract/group.ts';
import { NO_GROUP } from '../graph/scene.ts';
import { groupHue } from '../ui/GroupSwatch.tsx';
import { useGraphStore } from './graph-store.ts';

/** A group's hue by its place among the known ids; agents in no group have none. */
export function hueOf(groupId: number, groups: ReadonlyMap<number, Group>): number | undefined {
  if (groupId === NO_GROUP) return undefined;
  let before = 0;
  for (const id of groups.keys()) if (id !== NO_GROUP && id < groupId) before++;
  return groupHue(before);
}

export const useGroupHue = (groupId: number): number | undefined =>
  useGraphStore((state) => hueOf(groupId, state.groups));
