import { useMemo } from 'react';
import type { Agent } from '../../node-core/contract/graph.ts';
import type { Group, GroupPingProgress } from '../../node-core/contract/group.ts';
import { pingGroup, stopGroupPing } from '../client/acts.ts';
import { formatNodePart } from '../format/address.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatOf, formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { hueOf } from '../stores/group-hues.ts';
import { type GroupPing, useGroupStore } from '../stores/group-store.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { GroupSwatch } from '../ui/GroupSwatch.tsx';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { PathSwatch } from '../ui/PathSwatch.tsx';
import { type Column, VirtualTable } from '../ui/VirtualTable.tsx';
import { membersOf } from './GroupDetails.tsx';
import { Membership, membershipSentence } from './Membership.tsx';

type PingRow = GroupPingProgress['results'][number];

interface MemberRow {
  readonly nodeId: number;
  readonly agent: Agent | undefined;
  readonly hostname: string;
  readonly ping: PingRow | undefined;
}

/** One group: what membership means, its members, and what they answered. */
export function GroupPane({ group }: { group: Group }) {
  const agents = useGraphStore((state) => state.agents);
  const groups = useGraphStore((state) => state.groups);
  const ping = useGroupStore((state) => state.pings[group.groupId]);
  const rows = useMemo(() => rowsOf(group, agents, ping), [group, agents, ping]);
  const columns = useMemo(() => columnsOf(ping !== undefined), [ping]);
  const running = ping?.state === 'running';
  return (
    <section className="group-pane" aria-label={`Group ${formatSafeText(group.name)}`}>
      <header>
        <h2>
          <GroupSwatch hue={hueOf(group.groupId, groups)} /> <Name text={group.name} />
        </h2>
        <span className="t3">{`group ${group.groupId}, ${formatPlural(group.memberIds.length, 'member')}`}</span>
        <span className="spring" />
        <Membership group={group} />
        {running ? (
          <button type="button" className="button" onClick={() => stopGroupPing(group.groupId)}>
            Stop
          </button>
        ) : (
          <button type="button" className="button is-primary" onClick={() => void pingGroup(group.groupId)}>
            Ping all
          </button>
        )}
      </header>
      <p className="group-sentence">{membershipSentence(group)}</p>
      {ping !== undefined && <PingVerdict ping={ping} />}
      <VirtualTable
        label="Members"
        rows={rows}
        columns={columns}
        keyOf={(row) => String(row.nodeId)}
        onOpen={(row) => useViewStore.getState().select({ kind: 'agent', nodeId: row.nodeId })}
      />
    </section>
  );
}

/** Worst first by health; members the graph does not know come from the ping alone. */
function rowsOf(group: Group, agents: ReadonlyMap<number, Agent>, ping: GroupPing | undefined): MemberRow[] {
  const results = new Map(ping?.progress?.results.map((result) => [result.nodeId, result]));
  const known = membersOf(group.memberIds, agents);
  const seen = new Set(known.map((agent) => agent.nodeId));
  const others = group.memberIds.filter((nodeId) => !seen.has(nodeId));
  return [
    ...known.map((agent) => ({
      nodeId: agent.nodeId,
      agent,
      hostname: agent.hostname,
      ping: results.get(agent.nodeId),
    })),
    ...others.map((nodeId) => {
      const result = results.get(nodeId);
      return { nodeId, agent: undefined, hostname: result?.hostname ?? `node ${nodeId}`, ping: result };
    }),
  ];
}

/** The run in one sentence, with a bar while it goes on. */
function PingVerdict({ ping }: { ping: GroupPing }) {
  const connected = useStatusStore((state) => state.link === 'open');
  const { progress } = ping;
  const total = progress?.total ?? 0;
  const done = progress?.done ?? 0;
  const answered = progress?.results.filter((result) => result.state === 'answered') ?? [];
  const silent = progress?.results.filter((result) => result.state === 'silent' || result.state === 'failed') ?? [];
  const text = {
    running: `Pinging: ${formatOf(done, total)}`,
    finished: `${formatOf(answered.length, total)} answered.`,
    stopped: `Stopped at ${formatOf(done, total)}. ${formatCount(answered.length)} answered.`,
    failed: `The ping ended at ${formatOf(done, total)}: ${ping.error ?? 'unknown'}.`,
  }[ping.state];
  const names = silent.slice(0, 3).map((result) => formatSafeText(result.hostname));
  const more = silent.length > names.length ? ` and ${silent.length - names.length} more` : '';
  return (
    <div className="ping-verdict" role="status">
      <p>
        <b>{text}</b>
        {silent.length > 0 && ` ${names.join(', ')}${more} did not.`}
        {ping.state === 'running' && !connected && ' The engine is not connected.'}
      </p>
      {ping.state === 'running' && <progress max={Math.max(1, total)} value={done} aria-label="Pinged members" />}
    </div>
  );
}

function columnsOf(pinged: boolean): Column<MemberRow>[] {
  const columns: Column<MemberRow>[] = [
    {
      key: 'agent',
      title: 'agent',
      width: 'minmax(140px, 1.4fr)',
      cell: ({ agent, hostname }) => (
        <>
          <HealthGlyph state={agent?.health.state ?? 'unknown'} />{' '}
          <Name text={agent?.self === true ? `${hostname} (this node)` : hostname} className="strong" />
        </>
      ),
    },
    {
      key: 'address',
      title: 'address',
      width: '104px',
      cell: ({ agent }) => <span className="mono t2">{agent === undefined ? '–' : formatNodePart(agent.address)}</span>,
    },
    {
      key: 'health',
      title: 'health',
      width: 'minmax(90px, 1.6fr)',
      cell: ({ agent }) =>
        agent === undefined ? 'unknown' : `${agent.health.state}: ${formatSafeText(agent.health.reason)}`,
    },
    {
      key: 'tags',
      title: 'tags',
      width: 'minmax(80px, 1fr)',
      cell: ({ agent }) => <Name text={agent?.tags.join(', ') ?? ''} />,
    },
    {
      key: 'rtt',
      title: 'round trip',
      width: '88px',
      figure: true,
      cell: ({ agent }) =>
        agent?.self === true ? '–' : agent?.rtt === undefined ? 'unknown' : formatDuration(agent.rtt.value),
    },
  ];
  if (!pinged) return columns;
  const beside = columns.filter((column) => column.key !== 'address' && column.key !== 'tags');
  return [...beside, ...PING_COLUMNS];
}

const PING_COLUMNS: readonly Column<MemberRow>[] = [
  { key: 'answer', title: 'answer', width: 'minmax(96px, 1.2fr)', cell: ({ ping }) => <Answer ping={ping} /> },
  {
    key: 'ping',
    title: 'ping',
    width: '80px',
    figure: true,
    cell: ({ ping }) => (ping?.rttMs === undefined ? '–' : <b>{formatDuration(ping.rttMs)}</b>),
  },
  {
    key: 'path',
    title: 'path',
    width: '96px',
    cell: ({ ping }) =>
      ping?.path === undefined ? (
        '–'
      ) : (
        <>
          <PathSwatch path={ping.path} /> {ping.path}
        </>
      ),
  },
];

function Answer({ ping }: { ping: PingRow | undefined }) {
  if (ping === undefined) return '–';
  if (ping.state === 'waiting') return <span className="t3">waits</span>;
  if (ping.state === 'answered') return 'answered';
  return (
    <>
      <HealthGlyph state="failing" /> {ping.state === 'silent' ? 'silent' : formatSafeText(ping.error ?? 'failed')}
    </>
  );
}
