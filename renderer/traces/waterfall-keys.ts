import type { TraceSpan } from '../../node-core/contract/trace.ts';
import type { KeyMap } from '../shell/use-keys.ts';
import { spanKey } from '../stores/span-tree.ts';
import { toggled, useTraceStore, type Window } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { panned, shareOf, startOf, wholeWindow, zoomed } from './time-axis.ts';
import { foldable, rowOf, type WaterfallRow, waterfallRows, withLevel } from './waterfall-rows.ts';

const ZOOM = 0.6;
const PAN = 0.25;

/** The keys of the open trace. */
export function waterfallKeys(): KeyMap {
  return {
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    h: () => fold(true),
    l: () => fold(false),
    ArrowLeft: () => fold(true),
    ArrowRight: () => fold(false),
    w: () => changeWindow((window, whole) => zoomed(window, whole, ZOOM)),
    s: () => changeWindow((window, whole) => zoomed(window, whole, 1 / ZOOM)),
    a: () => changeWindow((window, whole) => panned(window, whole, -PAN)),
    d: () => changeWindow((window, whole) => panned(window, whole, PAN)),
    f: fitSelection,
    '.': () => step(1, isInWindow),
    ',': () => step(-1, isInWindow),
    e: () => nextError(1),
    'Shift+e': () => nextError(-1),
    c: () => store().set({ criticalOnly: !store().criticalOnly }),
    Enter: () => useViewStore.getState().set({ inspectorOpen: true }),
    r: () => store().set({ raw: !store().raw, window: undefined }),
    ']': () => foldAll(true),
    '[': () => foldAll(false),
    p: () => foldLevel(false),
    o: () => foldLevel(true),
    m: () => {
      const { open, mark } = store();
      if (open !== undefined) mark(open.traceId);
    },
  };
}

const store = useTraceStore.getState;

function currentRows(): { spans: readonly TraceSpan[]; rows: WaterfallRow[] } {
  const { open, folded, criticalOnly } = store();
  return open === undefined
    ? { spans: [], rows: [] }
    : { spans: open.spans, rows: waterfallRows(open.spans, folded, criticalOnly) };
}

function step(by: 1 | -1, accept: (span: TraceSpan) => boolean = () => true): false | undefined {
  const { spans, rows } = currentRows();
  if (rows.length === 0) return false;
  const { selectedSpan } = store();
  const from = rowOf(rows, selectedSpan);
  for (let at = from < 0 ? (by > 0 ? 0 : rows.length - 1) : from + by; at >= 0 && at < rows.length; at += by) {
    const row = rows[at];
    const span = spans[row?.index ?? -1];
    if (row === undefined || span === undefined || !accept(span)) continue;
    if (row.alike !== undefined && !row.folded) continue; // those it is the head of follow, one by one
    store().set({ selectedSpan: row.index });
    break;
  }
  return undefined;
}

/** The next span that failed, unfolding what hides it; round the end to the first. */
export function nextError(by: 1 | -1): void {
  const { open } = store();
  if (open === undefined) return;
  const rows = waterfallRows(open.spans, new Set());
  const failed = rows.flatMap((row) =>
    [row.index, row.other].filter((index) => index !== undefined && open.spans[index]?.status === 'error'),
  );
  if (failed.length === 0) return;
  const { selectedSpan, folded, set } = store();
  const at = failed.indexOf(selectedSpan);
  const next = at < 0 ? (by > 0 ? 0 : failed.length - 1) : (at + by + failed.length) % failed.length;
  const selected = failed[next];
  const opened = new Set(folded);
  for (let span = open.spans[selected ?? -1]; span !== undefined; span = open.spans[span.parentIndex]) {
    opened.delete(spanKey(span));
  }
  set({ selectedSpan: selected, folded: opened, criticalOnly: false });
}

function fold(shut: boolean): false | undefined {
  const { open, selectedSpan, folded, set } = store();
  const span = open?.spans[selectedSpan ?? -1];
  if (open === undefined || span === undefined) return false;
  const { rows } = currentRows();
  const alike = rows.find((row) => !row.folded && row.alike?.includes(selectedSpan ?? -1));
  const row = shut && alike !== undefined ? alike : rows[rowOf(rows, selectedSpan)];
  if (shut && (row === undefined || row.children === 0 || row.folded)) {
    if (span.parentIndex >= 0) set({ selectedSpan: span.parentIndex });
  } else if (row !== undefined && row.children > 0 && row.folded !== shut) {
    set({ folded: toggled(folded, row.foldKey) });
  }
}

function foldAll(shut: boolean): void {
  const { open, set } = store();
  if (open !== undefined) set({ folded: new Set(shut ? foldable(open.spans) : []) });
}

function foldLevel(open: boolean): void {
  const { open: trace, folded, set } = store();
  if (trace !== undefined) set({ folded: withLevel(trace.spans, folded, open) });
}

function changeWindow(change: (window: Window, whole: Window) => Window): false | undefined {
  const { open, window, raw, set } = store();
  if (open === undefined) return false;
  const whole = wholeWindow(open, raw);
  set({ window: change(window ?? whole, whole) });
}

function fitSelection(): false | undefined {
  const { open, selectedSpan, raw, set } = store();
  const span = open?.spans[selectedSpan ?? -1];
  if (span === undefined) return false;
  const margin = Math.max(0.01, span.durationMs * 0.1);
  const start = startOf(span, raw);
  set({ window: { fromMs: start - margin, toMs: start + Math.max(0, span.durationMs) + margin } });
}

function isInWindow(span: TraceSpan): boolean {
  const { open, window, raw } = store();
  if (open === undefined) return false;
  const shown = window ?? wholeWindow(open, raw);
  const start = startOf(span, raw);
  return shareOf(start, shown) <= 1 && shareOf(start + span.durationMs, shown) >= 0;
}
