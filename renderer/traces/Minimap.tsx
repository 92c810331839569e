import { type PointerEvent, useMemo, useRef } from 'react';
import type { Trace } from '../../node-core/contract/trace.ts';
import { useTraceStore, type Window } from '../stores/trace-store.ts';
import { shareOf, startOf } from './time-axis.ts';

interface MinimapProps {
  readonly trace: Trace;
  readonly whole: Window;
  readonly window: Window;
  readonly raw: boolean;
}

/** Lines beyond this many are thinned: more than one a third of a pixel cannot be told apart. */
const MAX_LINES = 1_200;
const MIN_DRAG = 0.005;

/** All spans of the trace at once; dragging chooses the part that the waterfall shows. */
export function Minimap({ trace, whole, window, raw }: MinimapProps) {
  const area = useRef<HTMLDivElement>(null);
  const start = useRef<number | undefined>(undefined);
  const lines = useMemo(() => linesOf(trace, whole, raw), [trace, whole, raw]);
  const at = (event: PointerEvent) => {
    const box = area.current?.getBoundingClientRect();
    return box === undefined ? 0 : Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const onPointerMove = (event: PointerEvent) => {
    if (start.current === undefined) return;
    const [from, to] = [Math.min(start.current, at(event)), Math.max(start.current, at(event))];
    if (to - from < MIN_DRAG) return;
    const length = whole.toMs - whole.fromMs;
    useTraceStore
      .getState()
      .set({ window: { fromMs: whole.fromMs + from * length, toMs: whole.fromMs + to * length } });
  };
  const left = shareOf(window.fromMs, whole) * 100;
  const right = shareOf(window.toMs, whole) * 100;
  return (
    <div
      ref={area}
      className="minimap"
      aria-hidden="true"
      onDoubleClick={() => useTraceStore.getState().set({ window: undefined })}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = at(event);
      }}
      onPointerMove={onPointerMove}
      onPointerUp={() => {
        start.current = undefined;
      }}
    >
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true">
        {lines.map((line) => (
          <path key={line.y} className={line.failed ? 'is-failed' : ''} d={`M${line.x} ${line.y}h${line.width}`} />
        ))}
      </svg>
      <i style={{ left: `${left}%`, width: `${right - left}%` }} />
    </div>
  );
}

function linesOf(trace: Trace, whole: Window, raw: boolean) {
  const every = Math.max(1, Math.ceil(trace.spans.length / MAX_LINES));
  const kept = trace.spans.filter((span, index) => index % every === 0 || span.status === 'error');
  return kept.map((span, index) => ({
    y: ((index + 0.5) / kept.length) * 100,
    x: shareOf(startOf(span, raw), whole) * 100,
    width: Math.max(0.3, (Math.max(0, span.durationMs) / (whole.toMs - whole.fromMs)) * 100),
    failed: span.status === 'error',
  }));
}
