import { useMemo } from 'react';
import type { Group } from '../../node-core/contract/group.ts';
import { formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useKeys } from '../shell/use-keys.ts';
import { chipValues, type Filter } from '../stores/filter.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { hueOf } from '../stores/group-hues.ts';
import { useGroupStore } from '../stores/group-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { GroupSwatch } from '../ui/GroupSwatch.tsx';
import { Name } from '../ui/Name.tsx';
import { PATH_KINDS } from '../ui/PathSwatch.tsx';
import { countPaths } from '../ui/PathsBar.tsx';
import { SegmentBar } from '../ui/SegmentBar.tsx';
import { GroupPane } from './GroupPane.tsx';

/** The groups of the network, and one of them opened. */
export function GroupsView() {
  const groups = useShownGroups();
  const all = useGraphStore((state) => state.groups.size);
  const chosen = useGroupStore((state) => state.openGroup);
  const open = groups.find((group) => group.groupId === chosen) ?? groups[0];
  const order = useMemo(() => groups.map((group) => group.groupId), [groups]);
  useKeys(useMemo(() => ({ j: () => move(order, 1), k: () => move(order, -1) }), [order]));
  return (
    <>
      <div className="toolbar" role="toolbar" aria-label="Groups">
        <span className="spring" />
        <span className="toolbar-count">{`${formatOf(groups.length, all)} groups`}</span>
      </div>
      {open === undefined ? (
        <p className="state-text">No groups yet. The registry lists them once this node is registered.</p>
      ) : (
        <div className="groups">
          <ul className="group-list" aria-label="Groups">
            {groups.map((group) => (
              <GroupRow key={group.groupId} group={group} open={group.groupId === open.groupId} />
            ))}
          </ul>
          <GroupPane group={open} />
        </div>
      )}
    </>
  );
}

function move(order: readonly number[], by: 1 | -1): void {
  const { openGroup, open } = useGroupStore.getState();
  const at = Math.max(0, order.indexOf(openGroup ?? -1));
  open(order[Math.min(order.length - 1, Math.max(0, at + by))]);
}

function useShownGroups(): Group[] {
  const groups = useGraphStore((state) => state.groups);
  const filter = useViewStore((state) => state.filter);
  return useMemo(
    () =>
      [...groups.values()]
        .filter((group) => matches(group, filter))
        .sort((a, b) => Number(b.joined) - Number(a.joined) || a.name.localeCompare(b.name)),
    [groups, filter],
  );
}

function matches(group: Group, filter: Filter): boolean {
  const names = chipValues(filter, 'group');
  const name = group.name.toLowerCase();
  return names.length === 0 || names.includes(name) || names.includes(String(group.groupId));
}

function GroupRow({ group, open }: { group: Group; open: boolean }) {
  const groups = useGraphStore((state) => state.groups);
  const tunnels = useGraphStore((state) => state.tunnels);
  const segments = useMemo(() => {
    const ids = new Set(group.memberIds);
    const own = [...tunnels.values()].filter(({ a, b }) => ids.has(a) && ids.has(b)); // those inside
    const counts = countPaths(own);
    return PATH_KINDS.map((path) => ({ kind: path, label: `${path} ${counts[path]}`, value: counts[path] }));
  }, [group, tunnels]);
  return (
    <li>
      <button
        type="button"
        aria-current={open ? 'true' : undefined}
        aria-label={`${formatSafeText(group.name)}, ${formatOf(group.okCount, group.memberIds.length)} ok, ${group.joined ? 'joined' : 'not joined'}`}
        onClick={() => {
          useGroupStore.getState().open(group.groupId);
          useViewStore.getState().select({ kind: 'group', groupId: group.groupId });
        }}
      >
        <span className="group-row-name">
          <GroupSwatch hue={hueOf(group.groupId, groups)} />
          <Name text={group.name} className="strong" />
          <span className="t3">{`group ${group.groupId}`}</span>
          <span className="spring" />
          {group.joined && <span className="joined">joined</span>}
        </span>
        <span className="group-row-facts">
          <span>{`${formatOf(group.okCount, group.memberIds.length)} ok`}</span>
          <SegmentBar segments={segments} />
          <span className="t3" title="Tunnels between its members">
            {group.totalTunnels === 0
              ? 'no tunnels inside'
              : `${formatOf(group.straightTunnels, group.totalTunnels)} straight`}
          </span>
        </span>
      </button>
    </li>
  );
}
