import { useMemo } from 'react';
import type { Agent } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';
import { pingGroup } from '../client/acts.ts';
import { formatNodePart } from '../format/address.ts';
import { formatDuration } from '../format/duration.ts';
import { HEALTH_RANK } from '../format/health-summary.ts';
import { formatCount, formatOf, formatPlural } from '../format/number.ts';
import { Gone, InspectorHead } from '../shell/InspectorHead.tsx';
import { useGraphStore } from '../stores/graph-store.ts';
import { useGroupStore } from '../stores/group-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthRow } from '../ui/HealthRow.tsx';
import { Name } from '../ui/Name.tsx';
import { Acts, Section } from '../ui/Section.tsx';
import { Membership } from './Membership.tsx';

const tunnelsInside = ({ straightTunnels, totalTunnels }: Group): string =>
  totalTunnels === 0
    ? 'No tunnels run between its members.'
    : `${formatOf(straightTunnels, totalTunnels)} tunnels between its members are straight.`;

/** One group: how its members are, worst first, and whether this node is one of them. */
export function GroupDetails({ groupId }: { groupId: number }) {
  const group = useGraphStore((state) => state.groups.get(groupId));
  const agents = useGraphStore((state) => state.agents);
  const members = useMemo(() => membersOf(group?.memberIds ?? [], agents), [group, agents]);
  if (group === undefined) return <Gone kind="Group" name={`group ${groupId}`} />;
  const total = group.memberIds.length;
  return (
    <>
      <InspectorHead
        kind={`Group ${groupId}`}
        title={<Name text={group.name} />}
        sentence={`${formatCount(group.okCount)} of ${formatPlural(total, 'agent')} ${total === 1 ? 'is' : 'are'} well. ${tunnelsInside(group)} ${group.joined ? 'This node is a member.' : 'This node is not a member.'}`}
        copy={{ text: group.name, what: 'the name' }}
        pinnable
      />
      <div className="inspector-body">
        <Section title="Members" figure={`${formatOf(members.length, total)}, worst first`}>
          <ul className="rows">
            {members.map((agent) => (
              <HealthRow
                key={agent.nodeId}
                state={agent.health.state}
                figure={memberFigure(agent)}
                onSelect={() => useViewStore.getState().select({ kind: 'agent', nodeId: agent.nodeId })}
              >
                <Name text={agent.hostname} className="strong" />
                <span className="mono t3">{formatNodePart(agent.address)}</span>
                <span className="spring" />
              </HealthRow>
            ))}
          </ul>
        </Section>
      </div>
      <Acts>
        <button
          type="button"
          className="button"
          onClick={() => {
            useViewStore.getState().set({ view: 'groups' });
            useGroupStore.getState().open(groupId);
            void pingGroup(groupId);
          }}
        >
          Ping all
        </button>
        <Membership group={group} />
      </Acts>
    </>
  );
}

/** The known members, worst first, then by name. */
export function membersOf(memberIds: readonly number[], agents: ReadonlyMap<number, Agent>): Agent[] {
  return memberIds
    .map((id) => agents.get(id))
    .filter((agent): agent is Agent => agent !== undefined)
    .sort((a, b) => HEALTH_RANK[a.health.state] - HEALTH_RANK[b.health.state] || a.hostname.localeCompare(b.hostname));
}

function memberFigure(agent: Agent): string {
  if (agent.self) return 'this node';
  if (agent.health.state === 'failing') return 'failing';
  return agent.rtt === undefined ? 'no data' : formatDuration(agent.rtt.value, 2);
}
