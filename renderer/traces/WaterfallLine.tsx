import { ChevronDown, ChevronRight } from 'lucide-react';
import { memo } from 'react';
import type { Trace, TraceSpan } from '../../node-core/contract/trace.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { hueOf } from '../stores/group-hues.ts';
import { homeGroup } from '../stores/home-group.ts';
import { toggled, useTraceStore, type Window } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { agentOf, barText, rowLabel, spanActor } from './span-text.ts';
import { shareOf, startOf } from './time-axis.ts';
import type { WaterfallRow } from './waterfall-rows.ts';

/** What a character of the text beside a bar takes, px; near enough to choose a side. */
const CHARACTER_PX = 6.3;
/** Room to the right of the track for text, px. */
const MARGIN_PX = 88;
/** Room to its left, px. */
const GUTTER_PX = 12;

interface LineProps {
  readonly trace: Trace;
  readonly row: WaterfallRow;
  /** The row's place in the list. */
  readonly at: number;
  readonly top: number;
  readonly window: Window;
  readonly raw: boolean;
  readonly selected: boolean;
  /** Width of the track, px; 0 before it is known. */
  readonly trackPx: number;
}

/** One row of the waterfall: who, what, and when on the axis. */
export const WaterfallLine = memo(function WaterfallLine({
  trace,
  row,
  at,
  top,
  window,
  raw,
  selected,
  trackPx,
}: LineProps) {
  const span = trace.spans[row.index];
  const other = row.other === undefined ? undefined : trace.spans[row.other];
  if (span === undefined) return null;
  const failed = span.status === 'error' || other?.status === 'error';
  return (
    <div
      role="row"
      className="waterfall-line"
      aria-rowindex={at + 1}
      aria-level={row.level + 1}
      aria-expanded={row.children === 0 ? undefined : !row.folded}
      aria-selected={selected}
      aria-label={rowLabel(span, other, row)}
      tabIndex={-1}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => inspectSpan(row.index)}
    >
      <div
        role="gridcell"
        className="waterfall-label"
        style={{ paddingLeft: `calc(8px + ${row.level} * var(--indent))` }}
      >
        <Fold row={row} />
        <GroupStrip span={span} />
        <Name text={spanActor(span, other)} className="t2 span-actor" />
        <Name text={span.name} className="strong span-name" />
        <Inside row={row} />
        <span className="spring" />
        {failed && <HealthGlyph state="failing" />}
      </div>
      <div role="gridcell" className="waterfall-track">
        <Bars
          span={span}
          other={other}
          alike={row.alike?.flatMap((index) => trace.spans[index] ?? [])}
          saysClock={entersAgent(trace, span, other)}
          window={window}
          raw={raw}
          trackPx={trackPx}
        />
      </div>
    </div>
  );
});

function inspectSpan(index: number): void {
  useTraceStore.getState().set({ selectedSpan: index });
  useViewStore.getState().set({ inspectorOpen: true });
}

function entersAgent(trace: Trace, span: TraceSpan, other: TraceSpan | undefined): boolean {
  return other !== undefined || trace.spans[span.parentIndex]?.service !== span.service;
}

/** What a row hides or stands for, in numbers. */
function Inside({ row }: { row: WaterfallRow }) {
  if (row.alike !== undefined) return <span className="t3">{`${row.children} alike`}</span>;
  return row.folded ? <span className="t3">{`${row.children} inside`}</span> : null;
}

function Fold({ row }: { row: WaterfallRow }) {
  if (row.children === 0) return <span className="fold-space" />;
  return (
    <button
      type="button"
      className="fold"
      tabIndex={-1}
      aria-label={row.folded ? 'Unfold' : 'Fold'}
      onClick={(event) => {
        event.stopPropagation();
        const { folded, set } = useTraceStore.getState();
        set({ folded: toggled(folded, row.foldKey) });
      }}
    >
      {row.folded ? <ChevronRight size={12} /> : <ChevronDown size={12} />}
    </button>
  );
}

function GroupStrip({ span }: { span: TraceSpan }) {
  const hue = useGraphStore((state) => {
    const agent = agentOf(span, state.agents);
    return hueOf(agent === undefined ? (span.groupId ?? 0) : homeGroup(agent), state.groups);
  });
  return <i className={`group-strip hue-${hue ?? 'none'}`} aria-hidden="true" />;
}

interface BarsProps {
  readonly span: TraceSpan;
  /** Told once, where a trace enters an agent, and not again on each span inside. */
  readonly saysClock: boolean;
  readonly other: TraceSpan | undefined;
  /** The siblings that the row stands for; `span` is the longest. */
  readonly alike: readonly TraceSpan[] | undefined;
  readonly window: Window;
  readonly raw: boolean;
  readonly trackPx: number;
}

interface Place {
  readonly left: number;
  readonly right: number;
}

function placeOf(span: TraceSpan, window: Window, raw: boolean): Place {
  const start = startOf(span, raw);
  const left = shareOf(start, window);
  return { left, right: Math.max(left, shareOf(start + Math.max(0, span.durationMs), window)) };
}

/** From the first to the last moment of several. */
function extentOf(places: readonly Place[]): Place {
  let [left, right] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const place of places) [left, right] = [Math.min(left, place.left), Math.max(right, place.right)];
  return { left, right };
}

function Bars({ span, other, alike, saysClock, window, raw, trackPx }: BarsProps) {
  const place = placeOf(span, window, raw);
  const second = other === undefined ? undefined : placeOf(other, window, raw);
  const whisker = saysClock ? whiskerOf(other ?? span, second ?? place, window, raw) : undefined;
  const extent = alike && extentOf(alike.map((each) => placeOf(each, window, raw)));
  const drawn = [place, second, whisker, extent].filter((each) => each !== undefined);
  const { left: start, right: end } = extentOf(drawn);
  if (end < 0 || start > 1) return null;
  const text = barText(span, other, { withClock: saysClock && !raw, alike: alike?.length ?? 1 });
  const side = sideOf(text.length * CHARACTER_PX, Math.max(0, start) * trackPx, (1 - Math.min(1, end)) * trackPx);
  return (
    <>
      {extent !== undefined && <i className="span-bar seg seg-container" style={styleOf(extent)} />}
      {second === undefined ? (
        <Bar span={span} place={place} kind={span.flow?.otherEnd === 'not heard' ? 'flow-first' : 'single'} />
      ) : (
        <>
          <Bar span={span} place={place} kind="flow-first" />
          {other !== undefined && <Bar span={other} place={second} kind="flow-second" />}
          <Slants first={place} second={second} />
        </>
      )}
      {span.flow?.otherEnd === 'not heard' && <i className="span-bar is-missing" style={styleOf(place)} />}
      {span.onCriticalPath && <i className="span-bar-critical" style={styleOf(place)} />}
      {whisker !== undefined && <i className="span-bar-whisker" style={styleOf(whisker)} />}
      <span className={textClass(span, side)} style={textStyle(side, Math.max(0, start), Math.min(1, end))}>
        <bdi>{text}</bdi>
      </span>
    </>
  );
}

type Side = 'after' | 'before' | 'inside';

/** After the bar where there is room, else before it, else on it. */
function sideOf(textPx: number, roomBefore: number, roomAfter: number): Side {
  if (textPx <= roomAfter + MARGIN_PX) return 'after';
  return textPx <= roomBefore + GUTTER_PX ? 'before' : 'inside';
}

function textClass(span: TraceSpan, side: Side): string {
  const failed = span.status === 'error' ? ' is-error' : '';
  return `span-bar-text${failed}${side === 'inside' ? ' is-inside' : ''}`;
}

function textStyle(side: Side, start: number, end: number) {
  if (side === 'before') return { right: `${(1 - start) * 100}%` };
  return { left: `${(side === 'after' ? end : start) * 100}%` };
}

const styleOf = ({ left, right }: Place) => ({ left: `${left * 100}%`, width: `${(right - left) * 100}%` });

function Bar({ span, place, kind }: { span: TraceSpan; place: Place; kind: 'single' | 'flow-first' | 'flow-second' }) {
  const failed = span.status === 'error' ? ' is-failed' : '';
  return <i className={`span-bar seg seg-${span.category} is-${kind}${failed}`} style={styleOf(place)} />;
}

/** From the first and the last moment at one end to those at the other: the slope is the flight. */
function Slants({ first, second }: { first: Place; second: Place }) {
  return (
    <svg className="span-bar-slants" viewBox="0 0 100 22" preserveAspectRatio="none" aria-hidden="true">
      <path
        d={`M${first.left * 100} 9L${second.left * 100} 13M${first.right * 100} 9L${second.right * 100} 13`}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  );
}

/** How uncertain a moved clock leaves the bar's start, where that is wide enough to be seen. */
function whiskerOf(span: TraceSpan, place: Place, window: Window, raw: boolean): Place | undefined {
  if (span.clock.state !== 'moved' || raw) return undefined;
  const half = span.clock.boundMs / (window.toMs - window.fromMs);
  if (half < 0.004) return undefined;
  return { left: Math.max(0, place.left - half), right: Math.min(1, place.left + half) };
}
