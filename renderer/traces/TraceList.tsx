import { useMemo } from 'react';
import type { TraceSummary } from '../../node-core/contract/trace.ts';
import { openTrace } from '../client/trace-feed.ts';
import { formatClockMillis, formatMoment } from '../format/clock.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCount } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { type Sort, type SortKey, useTraceStore, withSort } from '../stores/trace-store.ts';
import { Name } from '../ui/Name.tsx';
import { useElementWidth } from '../ui/use-element-width.ts';
import { type Column, VirtualTable } from '../ui/VirtualTable.tsx';
import { PathCell } from './PathCell.tsx';
import { scaleOf } from './time-axis.ts';

/** Columns that are shown only where the list is so wide. */
const ROOM_PX: Readonly<Record<string, number>> = { path: 800, services: 900 };

/** The traces found, live ones on top. */
export function TraceList({ rows }: { rows: readonly TraceSummary[] }) {
  const sort = useTraceStore((state) => state.sort);
  const marked = useTraceStore((state) => state.marked);
  const openId = useTraceStore((state) => state.openId) ?? '';
  const joined = useTraceStore((state) => state.open?.rawTraceIds);
  const openIds = joined?.includes(openId) === true ? joined : [openId];
  const selected = rows.find((trace) => trace.rawTraceIds.some((id) => openIds.includes(id)))?.traceId;
  const scaleMs = useMemo(() => scaleOf(rows.map(({ durationMs }) => durationMs)), [rows]);
  const { ref, widthPx } = useElementWidth<HTMLDivElement>();
  const columns = useMemo(
    () => columnsOf(sort, marked, scaleMs).filter(({ key }) => widthPx >= (ROOM_PX[key] ?? 0)),
    [sort, marked, scaleMs, widthPx],
  );
  return (
    <div ref={ref} className="traces-table">
      <VirtualTable
        label="Traces"
        rows={rows}
        columns={columns}
        selected={selected}
        marked={marked}
        keyOf={(trace) => trace.traceId}
        rowLabel={traceLabel}
        onOpen={(trace) => void openTrace(trace.traceId)}
        onMark={(trace) => useTraceStore.getState().mark(trace.traceId)}
      />
    </div>
  );
}

function traceLabel(trace: TraceSummary): string {
  const errors = trace.errors === 0 ? '' : `, ${trace.errors} errors`;
  return `${formatSafeText(trace.title)}, ${trace.services.length} agents, ${formatDuration(trace.durationMs)}, ${trace.spans} spans${errors}`;
}

function columnsOf(sort: readonly Sort[], marked: ReadonlySet<string>, scaleMs: number): Column<TraceSummary>[] {
  const sortable = (key: SortKey) => {
    const order = sort.find((each) => each.key === key);
    return {
      key,
      sorted: order === undefined ? undefined : order.descending ? ('down' as const) : ('up' as const),
      onSort: (add: boolean) => useTraceStore.getState().set({ sort: withSort(sort, key, add) }),
    };
  };
  return [
    {
      key: 'mark',
      title: 'Mark',
      bare: true,
      width: '28px',
      cell: (trace) => (
        <input
          type="checkbox"
          tabIndex={-1}
          aria-label={`Mark ${formatSafeText(trace.title)}`}
          checked={marked.has(trace.traceId)}
          onClick={(event) => event.stopPropagation()}
          onChange={() => useTraceStore.getState().mark(trace.traceId)}
        />
      ),
    },
    {
      ...sortable('start'),
      title: 'start',
      width: '112px',
      cell: ({ startUnixMs }) => <span className="mono t2">{startText(startUnixMs)}</span>,
    },
    {
      ...sortable('title'),
      title: 'trace',
      width: 'minmax(140px, 2fr)',
      cell: ({ title }) => <Name text={title} className="strong" />,
    },
    {
      key: 'services',
      title: 'seen at',
      width: 'minmax(80px, 1.4fr)',
      cell: ({ services }) => <Name text={services.join(', ')} className="t2" />,
    },
    {
      ...sortable('agents'),
      title: 'agents',
      width: '64px',
      figure: true,
      cell: ({ services }) => formatCount(services.length),
    },
    {
      key: 'path',
      title: `critical path, of ${formatDuration(scaleMs)}`,
      width: 'minmax(150px, 1fr)',
      cell: (trace) => <PathCell trace={trace} scaleMs={scaleMs} />,
    },
    {
      ...sortable('duration'),
      title: 'duration',
      width: '88px',
      figure: true,
      cell: ({ durationMs }) => <b>{formatDuration(durationMs)}</b>,
    },
    { ...sortable('spans'), title: 'spans', width: '60px', figure: true, cell: ({ spans }) => formatCount(spans) },
    {
      ...sortable('errors'),
      title: 'err',
      width: '52px',
      figure: true,
      cell: ({ errors }) => <span className={errors > 0 ? 'is-failing strong' : 't3'}>{formatCount(errors)}</span>,
    },
  ];
}

function startText(at: number): string {
  const moment = formatMoment(at, Date.now());
  return moment.includes(',') ? moment : formatClockMillis(at);
}
