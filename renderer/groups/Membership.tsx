import { useState } from 'react';
import type { Group } from '../../node-core/contract/group.ts';
import { joinGroup } from '../client/acts.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGroupStore } from '../stores/group-store.ts';
import { NO_GROUP } from '../stores/home-group.ts';
import { useViewStore } from '../stores/view-store.ts';

/** Join or leave: joining is done at once and can be undone; leaving shows first what it means. */
export function Membership({ group }: { group: Group }) {
  const { groupId } = group;
  const name = formatSafeText(group.name);
  const leave = () => {
    useViewStore.getState().select({ kind: 'group', groupId });
    useGroupStore.getState().setLeaving(groupId);
  };
  if (groupId === NO_GROUP) return null;
  if (group.joined) {
    return (
      <button type="button" className="button" onClick={leave}>
        Leave {name}
      </button>
    );
  }
  return <Join group={group} name={name} />;
}

function Join({ group, name }: { group: Group; name: string }) {
  const [token, setToken] = useState('');
  const needsToken = group.joinRule === 'token';
  return (
    <form
      className="join"
      onSubmit={(event) => {
        event.preventDefault();
        void joinGroup(group.groupId, token);
      }}
    >
      {needsToken && (
        <label>
          Token
          <input value={token} maxLength={200} autoComplete="off" onChange={(event) => setToken(event.target.value)} />
        </label>
      )}
      <button type="submit" className="button is-primary" disabled={needsToken && token === ''}>
        Join {name}
      </button>
    </form>
  );
}

/** What membership allows, before it is chosen. */
export function membershipSentence(group: Group): string {
  const name = formatSafeText(group.name);
  const count = group.memberIds.length;
  if (group.joined)
    return `This node is a member: ${name}'s agents can open streams to its services, and it to theirs.`;
  const who = count === 1 ? 'its 1 agent' : `its ${count} agents`;
  const rule = {
    open: '',
    token: ' It asks for a token.',
    invite: ' It takes members by invite only.',
  }[group.joinRule];
  return `Joining ${name} lets ${who} open streams to this node's services.${rule ?? ` Its rule is “${formatSafeText(group.joinRule)}”.`}`;
}
