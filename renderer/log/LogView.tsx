import { Search } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { Agent, Group, LogEvent } from '../../node-core/contract/schema.ts';
import { openTrace } from '../client/trace-feed.ts';
import { formatShortId } from '../format/address.ts';
import { formatClockMillis, formatMoment } from '../format/clock.ts';
import { formatCount, formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { chipValues, type Filter, plainText } from '../stores/filter.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useLogStore } from '../stores/log-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { Name } from '../ui/Name.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { type Column, VirtualTable } from '../ui/VirtualTable.tsx';

type Actor = 'anyone' | 'operator' | 'node';
type Level = 'any' | 'warning' | 'error';

/** What this node did and saw, and what the operator did, newest at the end. */
export function LogView() {
  const events = useLogStore((state) => state.events);
  const filter = useViewStore((state) => state.filter);
  const agents = useGraphStore((state) => state.agents);
  const groups = useGraphStore((state) => state.groups);
  const [words, setWords] = useState('');
  const [actor, setActor] = useState<Actor>('anyone');
  const [level, setLevel] = useState<Level>('any');
  const [following, setFollowing] = useState(true);
  const [leftAt, setLeftAt] = useState(0);
  const rows = useMemo(
    () => events.filter((event) => fits(event, { words, actor, level }) && fitsGlobal(event, filter, agents, groups)),
    [events, words, actor, level, filter, agents, groups],
  );
  const last = rows.at(-1)?.id ?? 0;
  const unseen = following ? 0 : rows.filter((event) => event.id > leftAt).length;
  const onFollow = (atEnd: boolean) => {
    if (following && !atEnd) setLeftAt(last);
    setFollowing(atEnd);
  };
  return (
    <>
      <div className="toolbar" role="toolbar" aria-label="Log">
        <label className="toolbar-search">
          <Search size={13} aria-hidden="true" />
          <span className="visually-hidden">Words in the log</span>
          <input
            type="search"
            placeholder="Search words"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </label>
        <Segmented
          label="By"
          value={actor}
          options={[
            { value: 'anyone', text: 'Anyone' },
            { value: 'operator', text: 'Operator' },
            { value: 'node', text: 'Node' },
          ]}
          onChange={setActor}
        />
        <Segmented
          label="Level"
          value={level}
          options={[
            { value: 'any', text: 'Any level' },
            { value: 'warning', text: 'Warnings' },
            { value: 'error', text: 'Errors' },
          ]}
          onChange={setLevel}
        />
        <span className="spring" />
        <span className="toolbar-count">{`${formatOf(rows.length, events.length)} lines`}</span>
      </div>
      <div className="log">
        {rows.length === 0 ? (
          <p className="state-text">
            {events.length === 0
              ? 'No lines yet.'
              : `Nothing matches. ${formatCount(events.length)} lines are hidden by the filter.`}
          </p>
        ) : (
          <VirtualTable
            label="Log"
            rows={rows}
            columns={COLUMNS}
            following={following}
            keyOf={(event) => String(event.id)}
            onOpen={openSubject}
            onFollow={onFollow}
          />
        )}
        {!following && (
          <button type="button" className="button over-rows" onClick={() => setFollowing(true)}>
            {unseen === 0 ? 'Go to end' : `${formatCount(unseen)} new, go to end`}
          </button>
        )}
      </div>
    </>
  );
}

function fits(event: LogEvent, wanted: { words: string; actor: Actor; level: Level }): boolean {
  if (wanted.actor !== 'anyone' && event.actor !== wanted.actor) return false;
  if (wanted.level === 'error' && event.level !== 'error') return false;
  if (wanted.level === 'warning' && event.level === 'info') return false;
  const text = `${event.kind} ${event.text} ${event.source}`.toLowerCase();
  return wanted.words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The global filter's agents, groups and words hold here too. */
function fitsGlobal(
  event: LogEvent,
  filter: Filter,
  agents: ReadonlyMap<number, Agent>,
  groups: ReadonlyMap<number, Group>,
): boolean {
  const agentNames = chipValues(filter, 'agent');
  const groupNames = chipValues(filter, 'group');
  const agent = event.nodeId === undefined ? undefined : agents.get(event.nodeId);
  const group = groups.get(event.groupId ?? agent?.groupIds.find((id) => id !== 0) ?? -1);
  const agentFits = agentNames.length === 0 || agentNames.includes(agent?.hostname.toLowerCase() ?? '');
  const groupFits = groupNames.length === 0 || groupNames.includes(group?.name.toLowerCase() ?? '');
  return agentFits && groupFits && event.text.toLowerCase().includes(plainText(filter).toLowerCase());
}

function openSubject(event: LogEvent): void {
  const { select } = useViewStore.getState();
  if (event.nodeId !== undefined) select({ kind: 'agent', nodeId: event.nodeId });
  else if (event.groupId !== undefined) select({ kind: 'group', groupId: event.groupId });
}

const COLUMNS: readonly Column<LogEvent>[] = [
  {
    key: 'time',
    title: 'time',
    width: '118px',
    cell: ({ at }) => {
      const moment = formatMoment(at, Date.now());
      return <span className="mono t2">{moment.includes(',') ? moment : formatClockMillis(at)}</span>;
    },
  },
  {
    key: 'level',
    title: 'level',
    bare: true,
    width: '20px',
    cell: ({ level }) => <i className={`change-mark is-${level}`} title={level} role="img" aria-label={level} />,
  },
  {
    key: 'kind',
    title: 'event',
    width: '168px',
    cell: ({ kind }) => (
      <span className="mono">
        <Name text={kind} />
      </span>
    ),
  },
  {
    key: 'text',
    title: 'what',
    width: 'minmax(200px, 1fr)',
    cell: ({ text, actor }) => <Name text={text} className={actor === 'operator' ? 'strong' : ''} />,
  },
  {
    key: 'source',
    title: 'source',
    width: '150px',
    cell: ({ source, actor }) => (
      <span className="t2" title={formatSafeText(source)}>
        {actor === 'operator' ? 'operator, ' : ''}
        <Name text={source} />
      </span>
    ),
  },
  {
    key: 'trace',
    title: 'trace',
    width: '92px',
    cell: ({ traceId }) =>
      traceId === undefined ? (
        '–'
      ) : (
        <button
          type="button"
          className="text-button mono"
          onClick={(event) => {
            event.stopPropagation();
            useViewStore.getState().set({ view: 'traces' });
            void openTrace(traceId);
          }}
        >
          {formatShortId(traceId)}
        </button>
      ),
  },
];
