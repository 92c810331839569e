import { create } from 'zustand';
import type { Trace, TracePath, TraceQuery, TraceSummary } from '../../node-core/contract/trace.ts';
import { grownFolds, initialFolds, spanKey } from './span-tree.ts';

/** What the operator asks of the list; the global filter and the chosen span of time narrow it further. */
export interface TraceControls {
  readonly text: string;
  readonly service: string;
  readonly groupId: number | undefined;
  readonly minDurationMs: number | undefined;
  readonly status: 'any' | 'error' | 'ok';
  /** Length of the window that ends now, minutes. */
  readonly minutes: number;
}
/** Columns that the list can be sorted by. */
export type SortKey = 'start' | 'title' | 'agents' | 'duration' | 'spans' | 'errors';
/** One of the orders of the list. */
export interface Sort {
  readonly key: SortKey;
  readonly descending: boolean;
}
/** The part of the open trace that the waterfall draws, milliseconds after its start. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A critical path as of so many spans. */
export interface ListedPath extends TracePath {
  readonly spans: number;
}

interface TraceState {
  readonly controls: TraceControls;
  readonly sort: readonly Sort[];
  readonly list: ReadonlyMap<string, TraceSummary>;
  /** Critical paths of listed traces, as far as their rows have been in view. */
  readonly paths: ReadonlyMap<string, ListedPath>;
  readonly matched: number;
  readonly total: number;
  /** Which question the list answers: every new one has a higher number. */
  readonly answered: number;
  /** Set while a search runs, Unix milliseconds. */
  readonly searchingSince: number | undefined;
  readonly searchError: string | undefined;
  readonly marked: ReadonlySet<string>;
  readonly openId: string | undefined;
  readonly open: Trace | undefined;
  readonly openError: string | undefined;
  /** While set, the open trace stays as it is drawn: the operator points at its spans. */
  readonly held: boolean;
  /** The open trace with what came in while it was held. */
  readonly waiting: Trace | undefined;
  /** Index into the open trace's spans. */
  readonly selectedSpan: number | undefined;
  readonly folded: ReadonlySet<string>;
  readonly window: Window | undefined;
  readonly raw: boolean;
  readonly criticalOnly: boolean;
  set(
    change: Partial<Omit<TraceState, 'set' | 'show' | 'hold' | 'showWaiting' | 'mark' | 'addLive' | 'addPaths'>>,
  ): void;
  setControls(change: Partial<TraceControls>): void;
  show(trace: Trace): void;
  hold(held: boolean): void;
  showWaiting(): void;
  mark(traceId: string): void;
  addLive(summaries: readonly TraceSummary[]): void;
  addPaths(paths: readonly ListedPath[]): void;
}

/** Rows that the list holds; the host has the rest. */
export const MAX_LISTED = 2_000;

/** Every trace of the last half hour. */
export const DEFAULT_CONTROLS: TraceControls = {
  text: '',
  service: '',
  groupId: undefined,
  minDurationMs: undefined,
  status: 'any',
  minutes: 30,
};

/** The list of traces, the open one, and what the operator did to its picture. */
export const useTraceStore = create<TraceState>()((set) => ({
  controls: DEFAULT_CONTROLS,
  sort: [{ key: 'start', descending: true }],
  list: new Map(),
  paths: new Map(),
  matched: 0,
  total: 0,
  answered: 0,
  searchingSince: undefined,
  searchError: undefined,
  marked: new Set(),
  openId: undefined,
  open: undefined,
  openError: undefined,
  held: false,
  waiting: undefined,
  selectedSpan: undefined,
  folded: new Set(),
  window: undefined,
  raw: false,
  criticalOnly: false,
  set: (change) => set(change),
  setControls: (change) => set(({ controls }) => ({ controls: { ...controls, ...change } })),
  show: (trace) => set((state) => shownTrace(state, trace)),
  hold: (held) => set((state) => (held === state.held ? state : { held, ...(held ? {} : withWaiting(state)) })),
  showWaiting: () => set(withWaiting),
  mark: (traceId) => set(({ marked }) => ({ marked: toggled(marked, traceId) })),
  addLive: (summaries) => set((state) => withLive(state, summaries)),
  addPaths: (paths) => set((state) => ({ paths: withPaths(state, paths) })),
}));

/** A trace that grew waits while it is held; another one starts afresh. */
function shownTrace(state: TraceState, trace: Trace): Partial<TraceState> {
  if (!trace.rawTraceIds.some((id) => state.open?.rawTraceIds.includes(id))) {
    return {
      open: trace,
      openError: undefined,
      waiting: undefined,
      selectedSpan: undefined,
      folded: initialFolds(trace.spans),
      window: undefined,
    };
  }
  return { openError: undefined, ...(state.held ? { waiting: trace } : grownTrace(state, trace)) };
}

const withWaiting = (state: TraceState): Partial<TraceState> =>
  state.waiting === undefined ? {} : grownTrace(state, state.waiting);

/** A trace that grew keeps what the operator had selected, folded and zoomed. */
function grownTrace({ open, selectedSpan, folded }: TraceState, trace: Trace): Partial<TraceState> {
  const selected = selectedSpan === undefined ? undefined : open?.spans[selectedSpan];
  const index = selected === undefined ? -1 : trace.spans.findIndex((span) => spanKey(span) === spanKey(selected));
  return {
    open: trace,
    waiting: undefined,
    selectedSpan: index < 0 ? undefined : index,
    folded: grownFolds(folded, open?.spans ?? [], trace.spans),
  };
}

/** How many spans came in while the open trace was held. */
export const waitingSpans = ({ open, waiting }: Pick<TraceState, 'open' | 'waiting'>): number =>
  open === undefined || waiting === undefined ? 0 : Math.max(0, waiting.totalSpans - open.totalSpans);

function withLive(state: TraceState, summaries: readonly TraceSummary[]): Partial<TraceState> {
  const list = new Map(state.list);
  let fresh = 0;
  for (const summary of summaries) {
    if (!list.has(summary.traceId)) fresh++;
    // a trace that was joined takes the place of its parts
    for (const raw of summary.rawTraceIds) if (raw !== summary.traceId && list.delete(raw)) fresh--;
    list.set(summary.traceId, summary);
  }
  if (list.size > MAX_LISTED) {
    const oldest = [...list.values()].sort((a, b) => a.startUnixMs - b.startUnixMs).slice(0, list.size - MAX_LISTED);
    for (const summary of oldest) list.delete(summary.traceId);
  }
  return { list, matched: state.matched + fresh, total: state.total + fresh };
}

/** Those of traces that are no longer listed go. */
function withPaths({ paths, list }: TraceState, found: readonly ListedPath[]): ReadonlyMap<string, ListedPath> {
  const all = [...paths.values(), ...found];
  return new Map(all.flatMap((path) => (list.has(path.traceId) ? [[path.traceId, path] as const] : [])));
}

/** The set with the value in it or, where it was in it, without. */
export function toggled<T>(set: ReadonlySet<T>, value: T): ReadonlySet<T> {
  const next = new Set(set);
  if (!next.delete(value)) next.add(value);
  return next;
}

/** The rows of the list in the asked order; the first key decides, later ones break ties. */
export function sortTraces(list: Iterable<TraceSummary>, sort: readonly Sort[]): TraceSummary[] {
  return [...list].sort((a, b) => {
    for (const { key, descending } of sort) {
      const order = SORTS[key](a, b);
      if (order !== 0) return descending ? -order : order;
    }
    return a.traceId < b.traceId ? -1 : 1;
  });
}

const SORTS: Readonly<Record<SortKey, (a: TraceSummary, b: TraceSummary) => number>> = {
  start: (a, b) => a.startUnixMs - b.startUnixMs,
  title: (a, b) => a.title.localeCompare(b.title),
  agents: (a, b) => a.services.length - b.services.length,
  duration: (a, b) => a.durationMs - b.durationMs,
  spans: (a, b) => a.spans - b.spans,
  errors: (a, b) => a.errors - b.errors,
};

/** The next state of the list's order when a column's head is pressed; with Shift it is added to the ones before. */
export function withSort(sort: readonly Sort[], key: SortKey, add: boolean): readonly Sort[] {
  const current = sort.find((each) => each.key === key);
  const next: Sort = { key, descending: current === undefined ? key !== 'title' : !current.descending };
  return add ? [...sort.filter((each) => each.key !== key), next] : [next];
}

/** How the list's question is put to the host. */
export function traceQueryOf(
  controls: TraceControls,
  narrowing: {
    groupId?: number;
    nodeId?: number;
    nodeKey?: string;
    span?: { fromMs: number; toMs: number };
    text?: string;
  },
  nowMs: number,
): TraceQuery {
  const text = [controls.text.trim(), narrowing.text?.trim() ?? ''].filter(Boolean).join(' ');
  const groupId = controls.groupId ?? narrowing.groupId;
  return {
    fromMs: narrowing.span?.fromMs ?? nowMs - controls.minutes * 60_000,
    ...(narrowing.span === undefined ? {} : { toMs: narrowing.span.toMs }),
    ...(text === '' ? {} : { text }),
    ...(controls.service === '' ? {} : { service: controls.service }),
    ...(groupId === undefined ? {} : { groupId }),
    ...(narrowing.nodeId === undefined ? {} : { nodeId: narrowing.nodeId }),
    ...(narrowing.nodeKey === undefined ? {} : { nodeKey: narrowing.nodeKey }),
    ...(controls.minDurationMs === undefined ? {} : { minDurationMs: controls.minDurationMs }),
    ...(controls.status === 'any' ? {} : { status: controls.status }),
    limit: 500,
  };
}
