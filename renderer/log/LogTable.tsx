import { useState } from 'react';
import type { LogEvent } from '../../node-core/contract/log.ts';
import { openTrace } from '../client/trace-feed.ts';
import { formatShortId } from '../format/address.ts';
import { formatClockMillis, formatMoment } from '../format/clock.ts';
import { formatCount } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { Name } from '../ui/Name.tsx';
import { type Column, VirtualTable } from '../ui/VirtualTable.tsx';
import { isAboutNow, logText } from './log-text.ts';

/** Lines of the log, newest at the end, where it stays until the reader scrolls away. */
export function LogTable({ label, rows }: { label: string; rows: readonly LogEvent[] }) {
  const [following, setFollowing] = useState(true);
  const [leftAt, setLeftAt] = useState(0);
  const last = rows.at(-1)?.id ?? 0;
  const unseen = following ? 0 : rows.filter((event) => event.id > leftAt).length;
  const onFollow = (atEnd: boolean) => {
    if (following && !atEnd) setLeftAt(last);
    setFollowing(atEnd);
  };
  return (
    <>
      <VirtualTable
        label={label}
        rows={rows}
        columns={COLUMNS}
        following={following}
        keyOf={(event) => String(event.id)}
        onOpen={openSubject}
        onFollow={onFollow}
      />
      {!following && (
        <button type="button" className="button over-rows" onClick={() => setFollowing(true)}>
          {unseen === 0 ? 'Go to end' : `${formatCount(unseen)} new, go to end`}
        </button>
      )}
    </>
  );
}

function LineText({ event }: { event: LogEvent }) {
  const text = useGraphStore(({ agents }) => logText(event, agents));
  return <Name text={text} className={event.actor === 'operator' ? 'strong' : ''} />;
}

function openSubject(event: LogEvent): void {
  const { select } = useViewStore.getState();
  const isAgents = event.nodeId !== undefined && isAboutNow(event, useGraphStore.getState().agents);
  if (isAgents && event.nodeId !== undefined) select({ kind: 'agent', nodeId: event.nodeId });
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
    cell: (event) => <LineText event={event} />,
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
