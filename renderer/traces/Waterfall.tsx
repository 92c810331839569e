import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef } from 'react';
import type { Trace } from '../../node-core/contract/trace.ts';
import { formatPlural } from '../format/number.ts';
import { useKeys } from '../shell/use-keys.ts';
import { useTraceStore, waitingSpans } from '../stores/trace-store.ts';
import { useElementWidth } from '../ui/use-element-width.ts';
import { holdingUnderPointer } from '../ui/use-steady-rows.ts';
import { Minimap } from './Minimap.tsx';
import { shareOf, ticksOf, wholeWindow } from './time-axis.ts';
import { WaterfallLine } from './WaterfallLine.tsx';
import { waterfallKeys } from './waterfall-keys.ts';
import { rowOf, waterfallRows } from './waterfall-rows.ts';

const ROW_PX = 22;
const OVERSCAN = 16;

/**
 * The spans of a trace on one time axis; only the rows in view exist. While the pointer is here nothing moves under it:
 * spans that come in wait until it leaves, or are asked for.
 */
export function Waterfall({ trace }: { trace: Trace }) {
  const folded = useTraceStore((state) => state.folded);
  const criticalOnly = useTraceStore((state) => state.criticalOnly);
  const raw = useTraceStore((state) => state.raw);
  const chosen = useTraceStore((state) => state.window);
  const selected = useTraceStore((state) => state.selectedSpan);
  const rows = useMemo(() => waterfallRows(trace.spans, folded, criticalOnly), [trace, folded, criticalOnly]);
  const whole = useMemo(() => wholeWindow(trace, raw), [trace, raw]);
  const window = chosen ?? whole;
  const ticks = ticksOf(window);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
  });
  const at = rowOf(rows, selected);
  useEffect(() => {
    if (at >= 0) virtual.scrollToIndex(at);
  }, [at, virtual]);
  useKeys(useMemo(waterfallKeys, []));
  useEffect(() => releaseRows, []);
  const axis = useElementWidth<HTMLDivElement>(); // as wide as the tracks under it

  return (
    <div className="waterfall" {...HOLDING}>
      <div className="waterfall-line is-overview">
        <span className="waterfall-label t3">overview</span>
        <Minimap trace={trace} whole={whole} window={window} raw={raw} />
      </div>
      <div className="waterfall-line is-axis">
        <div className="waterfall-label t3">
          agent, span
          <span className="spring" />
          <NewSpans />
          <CriticalOnly />
        </div>
        <div ref={axis.ref} className="axis">
          {ticks.map((tick) => (
            <span key={tick.ms} className="mono" style={{ left: `${shareOf(tick.ms, window) * 100}%` }}>
              {tick.label}
            </span>
          ))}
        </div>
      </div>
      <div
        ref={scroller}
        className="waterfall-rows"
        role="treegrid"
        aria-label="Spans"
        aria-rowcount={rows.length}
        tabIndex={0}
      >
        <div role="rowgroup" className="virtual-body" style={{ height: virtual.getTotalSize() }}>
          <div className="gridlines" aria-hidden="true">
            {ticks.map((tick) => (
              <i key={tick.ms} style={{ left: `${shareOf(tick.ms, window) * 100}%` }} />
            ))}
          </div>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            return (
              <WaterfallLine
                key={row.key}
                trace={trace}
                row={row}
                at={item.index}
                top={item.start}
                window={window}
                raw={raw}
                selected={item.index === at}
                trackPx={axis.widthPx}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

const holdRows = () => useTraceStore.getState().hold(true);
const releaseRows = () => useTraceStore.getState().hold(false);
const HOLDING = holdingUnderPointer(holdRows, releaseRows);

function CriticalOnly() {
  const criticalOnly = useTraceStore((state) => state.criticalOnly);
  return (
    <button
      type="button"
      className="toolbar-button critical-only"
      aria-pressed={criticalOnly}
      onClick={() => useTraceStore.getState().set({ criticalOnly: !criticalOnly })}
    >
      Critical only <kbd>c</kbd>
    </button>
  );
}

function NewSpans() {
  const count = useTraceStore(waitingSpans);
  return (
    <span role="status">
      {count > 0 && (
        <button type="button" className="text-button" onClick={() => useTraceStore.getState().showWaiting()}>
          {`Show ${formatPlural(count, 'new span')}`}
        </button>
      )}
    </span>
  );
}
