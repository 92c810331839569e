import { useEffect, useMemo } from 'react';
import type { TraceSummary } from '../../node-core/contract/trace.ts';
import { copyText } from '../client/acts.ts';
import { followTraces, stopSearch } from '../client/trace-feed.ts';
import { formatCount, formatPlural } from '../format/number.ts';
import { isFiltering, NO_FILTER } from '../stores/filter.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { DEFAULT_CONTROLS, sortTraces, useTraceStore } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Splitter } from '../ui/Splitter.tsx';
import { useElementWidth } from '../ui/use-element-width.ts';
import { useSteadyRows } from '../ui/use-steady-rows.ts';
import { TraceList } from './TraceList.tsx';
import { TracePane } from './TracePane.tsx';
import { TraceToolbar } from './TraceToolbar.tsx';
import { useSlow } from './use-slow.ts';

const MIN_LIST = 96;
const MAX_LIST = 560;
const USUAL_LIST = 230;
/** Where there is so much room, the list stands beside the waterfall instead of above it. */
const BESIDE_PX = 1_400;
const WIDTHS = { min: 640, max: 1_200, reset: 640 } as const;

/** Find a trace, open it, read it. */
export function TracesView() {
  useEffect(followTraces, []);
  const height = useViewStore((state) => state.listHeight);
  const width = useViewStore((state) => state.listWidth);
  const area = useElementWidth<HTMLDivElement>();
  const beside = area.widthPx >= BESIDE_PX;
  const list = useTraceStore((state) => state.list);
  const sort = useTraceStore((state) => state.sort);
  const answered = useTraceStore((state) => state.answered);
  const sorted = useMemo(() => sortTraces(list.values(), sort), [list, sort]);
  const { rows, waiting, holding, catchUp } = useSteadyRows(sorted, keyOf, `${answered} ${JSON.stringify(sort)}`);
  const open = useTraceStore((state) => state.openId !== undefined);
  return (
    <>
      <TraceToolbar />
      <div ref={area.ref} className={beside ? 'traces is-beside' : 'traces'}>
        <div
          className={open ? 'traces-list' : 'traces-list is-alone'}
          style={open ? (beside ? { width } : { height }) : undefined}
          {...holding}
        >
          <Reading />
          {rows.length === 0 ? <Empty /> : <TraceList rows={rows} />}
          {waiting > 0 && (
            <button type="button" className="button over-rows" onClick={catchUp}>
              {`Show ${formatPlural(waiting, 'new trace')}`}
            </button>
          )}
        </div>
        {open && beside && (
          <Splitter
            label="Width of the list"
            between="columns"
            size={width}
            {...WIDTHS}
            onResize={(listWidth) => useViewStore.getState().set({ listWidth })}
          />
        )}
        {open && !beside && (
          <Splitter
            label="Height of the list"
            between="rows"
            size={height}
            min={MIN_LIST}
            max={MAX_LIST}
            reset={USUAL_LIST}
            onResize={(listHeight) => useViewStore.getState().set({ listHeight })}
          />
        )}
        {open && <TracePane />}
      </div>
    </>
  );
}

const keyOf = ({ traceId }: TraceSummary): string => traceId;

/** Said only when a reading takes longer than one notices. */
function Reading() {
  const since = useTraceStore((state) => state.searchingSince);
  const total = useTraceStore((state) => state.total);
  const error = useTraceStore((state) => state.searchError);
  const slow = useSlow(since, 300);
  if (error !== undefined) {
    return (
      <p className="state-line" role="status">
        <HealthGlyph state="failing" /> <span>{error}</span>
      </p>
    );
  }
  if (!slow) return null;
  return (
    <p className="state-line" role="status">
      <span>{`Reading ${total === 0 ? '' : `${formatCount(total)} `}traces…`}</span>
      <button type="button" className="text-button" onClick={stopSearch}>
        Stop
      </button>
    </p>
  );
}

function Empty() {
  const controls = useTraceStore((state) => state.controls);
  const total = useTraceStore((state) => state.total);
  const searching = useTraceStore((state) => state.searchingSince !== undefined);
  const filter = useViewStore((state) => state.filter);
  const otlpHttp = useStatusStore((state) => state.status?.otlpHttp);
  if (searching || otlpHttp === undefined) return null;
  if (total > 0 || isFiltering(filter)) {
    return (
      <div className="state-text">
        <p>{`Nothing matches. ${formatCount(total)} traces are hidden by the filter.`}</p>
        <button type="button" className="button" onClick={clearFilters}>
          Clear filter
        </button>
      </div>
    );
  }
  const widen = () => useTraceStore.getState().setControls({ minutes: controls.minutes * 4 });
  const settings = `OTEL_EXPORTER_OTLP_ENDPOINT=http://${otlpHttp}`;
  return (
    <div className="state-text">
      <p>{`No spans in these ${controls.minutes} min. Agents can send OTLP to ${otlpHttp}.`}</p>
      <button type="button" className="button" onClick={() => void copyText(settings, 'the settings')}>
        Copy settings
      </button>
      <button type="button" className="button" onClick={widen}>
        Widen time
      </button>
    </div>
  );
}

function clearFilters(): void {
  useViewStore.getState().set({ filter: NO_FILTER, span: undefined });
  useTraceStore.getState().setControls(DEFAULT_CONTROLS);
}
