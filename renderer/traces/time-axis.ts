import type { Trace, TraceSpan } from '../../node-core/contract/trace.ts';
import { formatDuration } from '../format/duration.ts';
import type { Window } from '../stores/trace-store.ts';

/** The whole of a trace, with room for the clocks' disagreement when raw times are shown. */
export function wholeWindow(trace: Trace, raw: boolean): Window {
  let fromMs = 0;
  let toMs = trace.durationMs;
  for (const span of trace.spans) {
    const start = startOf(span, raw);
    fromMs = Math.min(fromMs, start);
    toMs = Math.max(toMs, start + Math.max(0, span.durationMs));
  }
  return { fromMs, toMs: toMs > fromMs ? toMs : fromMs + 1 };
}

/** Milliseconds after the trace's start, on the shifted axis or as recorded. */
export const startOf = (span: TraceSpan, raw: boolean): number => (raw ? span.rawStartMs : span.startMs);

/** Where a moment lies in the window: 0 at its left, 1 at its right. */
export const shareOf = (ms: number, window: Window): number => (ms - window.fromMs) / (window.toMs - window.fromMs);

/** The next 1, 2 or 5 of a power of ten. */
function roundUp(ms: number): number {
  const power = 10 ** Math.floor(Math.log10(ms));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= ms) ?? ms;
}

/** Round times at which the axis carries a figure. */
export function ticksOf(window: Window, most = 6): { readonly ms: number; readonly label: string }[] {
  const step = roundUp((window.toMs - window.fromMs) / most);
  const ticks: { ms: number; label: string }[] = [];
  for (let index = Math.ceil(window.fromMs / step); index * step < window.toMs; index++) {
    const ms = index * step;
    ticks.push({ ms, label: ms === 0 ? '0 ms' : formatDuration(ms) });
  }
  return ticks;
}

/** The window made smaller or larger round its middle, never beyond the whole. */
export function zoomed(window: Window, whole: Window, factor: number): Window {
  const length = Math.min(whole.toMs - whole.fromMs, (window.toMs - window.fromMs) * factor);
  const middle = (window.fromMs + window.toMs) / 2;
  return within({ fromMs: middle - length / 2, toMs: middle + length / 2 }, whole);
}

/** The window moved by a share of its length. */
export function panned(window: Window, whole: Window, share: number): Window {
  const by = (window.toMs - window.fromMs) * share;
  return within({ fromMs: window.fromMs + by, toMs: window.toMs + by }, whole);
}

function within(window: Window, whole: Window): Window {
  const length = window.toMs - window.fromMs;
  const fromMs = Math.min(Math.max(window.fromMs, whole.fromMs), whole.toMs - length);
  return { fromMs, toMs: fromMs + length };
}

/** The round end of a scale that all these durations fit on, ms. */
export function scaleOf(durationsMs: Iterable<number>): number {
  let longest = 1;
  for (const ms of durationsMs) longest = Math.max(longest, ms);
  return roundUp(longest);
}
