import type { Group } from '../../node-core/contract/group.ts';
import { useGraphStore } from './graph-store.ts';
import { NO_GROUP } from './home-group.ts';

/** The ninth group begins again with the first hue. */
const HUES = 8;

/** A group's hue, 1 to 8, by its place among the known ids; agents in no group have none. */
export function hueOf(groupId: number, groups: ReadonlyMap<number, Group>): number | undefined {
  if (groupId === NO_GROUP) return undefined;
  let before = 0;
  for (const id of groups.keys()) if (id !== NO_GROUP && id < groupId) before++;
  return (before % HUES) + 1;
}

/** `hueOf` of the groups as they are now. */
export const useGroupHue = (groupId: number): number | undefined =>
  useGraphStore((state) => hueOf(groupId, state.groups));
