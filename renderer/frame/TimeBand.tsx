import { X } from 'lucide-react';
import { type PointerEvent, useEffect, useMemo, useRef, useState } from 'react';
import type { LogEvent } from '../../node-core/contract/log.ts';
import type { VolumeBucket } from '../../node-core/contract/trace.ts';
import { ask, onDeckClient } from '../client/deck.ts';
import { formatClock, formatMinutes } from '../format/clock.ts';
import { formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useLogStore } from '../stores/log-store.ts';
import { type TimeSpan, useViewStore } from '../stores/view-store.ts';

const SPAN_MS = 30 * 60_000;
const BUCKETS = 120;
const REFRESH_MS = 5_000;
const TICK_MS = 5 * 60_000;
/** What the time beside a tick takes where the band is narrow. */
const TICK_TEXT_MS = 2 * 60_000;
/** Shorter drags are clicks. */
const MIN_DRAG = 0.01;

/** Spans per quarter minute of the last half hour, with their errors; dragging chooses a span of time for the traces. */
export function TimeBand() {
  const { range, buckets } = useVolume();
  const pausedAt = useViewStore((state) => state.pausedAt);
  const span = useViewStore((state) => state.span);
  const area = useRef<HTMLDivElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number } | undefined>(undefined);
  const at = (event: PointerEvent) => {
    const box = area.current?.getBoundingClientRect();
    return box === undefined ? 0 : Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const finish = () => {
    if (drag !== undefined && Math.abs(drag.to - drag.from) > MIN_DRAG) {
      const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      const toTime = (share: number) => Math.round(range.fromMs + share * (range.toMs - range.fromMs));
      useViewStore.getState().set({ span: { fromMs: toTime(from), toMs: toTime(to) }, view: 'traces' });
    }
    setDrag(undefined);
  };
  const spans = buckets.reduce((sum, bucket) => sum + bucket.spans, 0);
  const errors = buckets.reduce((sum, bucket) => sum + bucket.errors, 0);
  return (
    <section className="time-band" aria-label="Time">
      <div
        ref={area}
        className="time-area"
        role="img"
        aria-label={`${formatPlural(spans, 'span')}, ${formatPlural(errors, 'error')} in the last 30 min`}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: at(event), to: at(event) });
        }}
        onPointerMove={(event) => drag !== undefined && setDrag({ from: drag.from, to: at(event) })}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(undefined)}
      >
        <Bars buckets={buckets} />
        <Ticks range={range} />
        <Marks range={range} />
        {drag !== undefined && <Chosen from={Math.min(drag.from, drag.to)} to={Math.max(drag.from, drag.to)} />}
        {drag === undefined && span !== undefined && <ChosenSpan span={span} range={range} />}
      </div>
      <div className="playhead">
        <b>{pausedAt === undefined ? 'Live' : 'Paused'}</b>
        <span className="mono">{formatClock(pausedAt ?? range.toMs)}</span>
        {span !== undefined && (
          <button
            type="button"
            className="text-button"
            onClick={() => useViewStore.getState().set({ span: undefined })}
          >
            <X size={11} aria-hidden="true" /> Clear span
          </button>
        )}
      </div>
    </section>
  );
}

function useVolume(): { range: TimeSpan; buckets: readonly VolumeBucket[] } {
  const [volume, setVolume] = useState<{ range: TimeSpan; buckets: readonly VolumeBucket[] }>(() => ({
    range: { fromMs: Date.now() - SPAN_MS, toMs: Date.now() },
    buckets: [],
  }));
  useEffect(() => {
    const read = async () => {
      if (document.hidden || useViewStore.getState().pausedAt !== undefined) return;
      const range = { fromMs: Date.now() - SPAN_MS, toMs: Date.now() };
      const [error, buckets] = await ask((deck) => deck.trace.volume({ ...range, buckets: BUCKETS }));
      if (error === null) setVolume({ range, buckets }); // a failed reading leaves the last one, as the state line says
    };
    const stop = onDeckClient(() => void read());
    const timer = setInterval(() => void read(), REFRESH_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, []);
  return volume;
}

function Bars({ buckets }: { buckets: readonly VolumeBucket[] }) {
  const most = Math.max(1, ...buckets.map((bucket) => bucket.spans));
  const width = 100 / Math.max(1, buckets.length);
  return (
    <svg className="time-bars" viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
      {buckets.map((bucket, index) => {
        const height = (bucket.spans / most) * 100;
        const failed = bucket.spans === 0 ? 0 : (bucket.errors / bucket.spans) * height;
        const x = index * width;
        return (
          <g key={bucket.at}>
            <rect className="bar" x={x} width={width * 0.82} y={100 - height} height={height} />
            {failed > 0 && (
              <rect className="bar is-failed" x={x} width={width * 0.82} y={100 - failed} height={failed} />
            )}
          </g>
        );
      })}
    </svg>
  );
}

function Ticks({ range }: { range: TimeSpan }) {
  const first = Math.ceil(range.fromMs / TICK_MS) * TICK_MS;
  const ticks: number[] = [];
  for (let at = first; at < range.toMs - TICK_TEXT_MS; at += TICK_MS) ticks.push(at);
  return ticks.map((at) => (
    <span key={at} className="time-tick mono" style={{ left: `${share(at, range) * 100}%` }}>
      {formatMinutes(at)}
    </span>
  ));
}

function Marks({ range }: { range: TimeSpan }) {
  const events = useLogStore((state) => state.events);
  const marks = useMemo(() => markedEvents(events, range), [events, range]);
  return marks.map((event) => (
    <i
      key={event.id}
      className={`time-mark is-${event.level}`}
      style={{ left: `${share(event.at, range) * 100}%` }}
      title={formatSafeText(event.text)}
    />
  ));
}

/** What deserves a mark: warnings and errors, the latest hundred. */
function markedEvents(events: readonly LogEvent[], range: TimeSpan): LogEvent[] {
  return events
    .filter((event) => event.level !== 'info' && event.at >= range.fromMs && event.at <= range.toMs)
    .slice(-100);
}

function ChosenSpan({ span, range }: { span: TimeSpan; range: TimeSpan }) {
  const from = Math.max(0, share(span.fromMs, range));
  const to = Math.min(1, share(span.toMs, range));
  return to <= from ? null : <Chosen from={from} to={to} />;
}

function Chosen({ from, to }: { from: number; to: number }) {
  return <i className="time-chosen" style={{ left: `${from * 100}%`, width: `${(to - from) * 100}%` }} />;
}

const share = (at: number, range: TimeSpan): number => (at - range.fromMs) / (range.toMs - range.fromMs);
