import { useEffect, useRef } from 'react';
import { leaveGroup } from '../client/acts.ts';
import { formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { Gone, InspectorHead } from '../shell/InspectorHead.tsx';
import { useGraphStore } from '../stores/graph-store.ts';
import { useGroupStore } from '../stores/group-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { Acts } from '../ui/Section.tsx';

/** What leaving a group means, before it is done. Focus starts on Cancel; Enter does not confirm. */
export function LeaveSheet({ groupId }: { groupId: number }) {
  const group = useGraphStore((state) => state.groups.get(groupId));
  const paused = useViewStore((state) => state.pausedAt !== undefined);
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => cancel.current?.focus(), []);
  if (group === undefined) return <Gone kind="Leave group" name={`group ${groupId}`} />;
  const name = formatSafeText(group.name);
  const others = formatPlural(Math.max(0, group.memberIds.length - 1), 'other member');
  return (
    <>
      <InspectorHead
        kind={`Group ${groupId}`}
        title={`Leave ${name}?`}
        sentence={`The registry takes this node out of ${name}. Its ${others} can no longer open streams to this node in the group, and this node none to them. Their spans that are stored stay.`}
      />
      <div className="inspector-body">
        <p className="note in-body">
          {group.joinRule === 'open'
            ? 'The group is open: this node can join again at any time.'
            : `The group's rule is “${formatSafeText(group.joinRule)}”: joining again needs what that rule asks for.`}
          {paused && ' Acts now; the picture is from before.'}
        </p>
      </div>
      <Acts>
        <button
          ref={cancel}
          type="button"
          className="button"
          onClick={() => useGroupStore.getState().setLeaving(undefined)}
        >
          Cancel
        </button>
        <button type="button" className="button is-primary" onClick={() => void leaveGroup(groupId)}>
          Leave {name}
        </button>
      </Acts>
    </>
  );
}
