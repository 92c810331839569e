import { BoundedMap } from '../../base/bounded-map.ts';
import { ATTR } from '../../base/tracer.ts';
import type { TraceQuery, TraceSummary } from '../../contract/trace.ts';
import type { FlowJoin, JoinedTrace } from '../flow-join.ts';
import { integerAttribute, type SpanRecord, STATUS_CODE } from '../span.ts';
import { serviceOf } from '../span-origin.ts';
import { titleOf } from './trace-view.ts';

interface Growing {
  title: string;
  /** The earliest span without a parent: clocks of nodes differ, so it gives the time of the whole. */
  root: { readonly startNs: bigint; readonly endNs: bigint } | undefined;
  firstNs: bigint;
  lastNs: bigint;
  spans: number;
  errors: number;
  readonly services: Set<string>;
  /** Those that were proven to have sent a span of it. */
  readonly nodeIds: Set<number>;
  readonly nodeKeys: Set<string>;
  readonly groupIds: Set<number>;
}

const MOST_TRACES = 2_000;
const MOST_NAMES = 256;
const LONGEST_NAME = 255;
const PERIOD_MS = 200;

/** What is arriving now, trace by trace, before it is on disk: summaries for whoever watches. */
export class TraceTail {
  readonly #familyOf: (traceId: string) => JoinedTrace;
  readonly #traces = new BoundedMap<string, Growing>(MOST_TRACES);
  readonly #readers = new Set<Set<string>>();

  constructor(familyOf: (traceId: string) => JoinedTrace) {
    this.#familyOf = familyOf;
  }

  add(spans: readonly SpanRecord[]): void {
    for (const span of spans) {
      this.#grow(span);
      for (const changed of this.#readers) if (changed.size < MOST_TRACES) changed.add(span.traceId);
    }
  }

  /** Joins changed which traces are one: they are told again as one. */
  regroup(joins: readonly FlowJoin[]): void {
    for (const { diallerTraceId } of joins) {
      for (const changed of this.#readers) if (changed.size < MOST_TRACES) changed.add(diallerTraceId);
    }
  }

  /** Summaries of the traces that changed, at most five times a second. */
  async *watch(query: TraceQuery, signal: AbortSignal): AsyncGenerator<TraceSummary[], void, undefined> {
    const changed = new Set<string>();
    this.#readers.add(changed);
    try {
      while (!signal.aborted) {
        const summaries = this.#take(changed).filter((summary) => this.#matches(summary, query));
        if (summaries.length > 0) yield summaries;
        await pause(PERIOD_MS, signal);
      }
    } finally {
      this.#readers.delete(changed);
    }
  }

  #take(changed: Set<string>): TraceSummary[] {
    const families = new Map<string, JoinedTrace>();
    for (const traceId of changed) {
      const family = this.#familyOf(traceId);
      families.set(family.traceId, family);
    }
    changed.clear();
    return [...families.values()].flatMap((family) => this.#summarise(family) ?? []);
  }

  #matches(summary: TraceSummary, query: TraceQuery): boolean {
    const { nodeKey } = query;
    const sent =
      nodeKey === undefined || summary.rawTraceIds.some((raw) => this.#traces.get(raw)?.nodeKeys.has(nodeKey));
    return sent && matches(summary, query);
  }

  #grow(span: SpanRecord): void {
    const { traceId, startTimeUnixNano: start, endTimeUnixNano: end } = span;
    const known = this.#traces.get(traceId);
    const trace: Growing = known ?? {
      title: short(titleOf(span)),
      root: undefined,
      firstNs: start,
      lastNs: end,
      spans: 0,
      errors: 0,
      services: new Set(),
      nodeIds: new Set(),
      nodeKeys: new Set(),
      groupIds: new Set(),
    };
    if (known === undefined) this.#traces.set(traceId, trace);
    if (span.parentSpanId === '' && (trace.root === undefined || start < trace.root.startNs)) {
      Object.assign(trace, { title: short(titleOf(span)), root: { startNs: start, endNs: end } });
    }
    if (start < trace.firstNs) trace.firstNs = start;
    if (end > trace.lastNs) trace.lastNs = end;
    trace.spans += 1;
    if (span.status.code === STATUS_CODE.error) trace.errors += 1;
    addUpTo(trace.services, short(serviceOf(span)));
    if (span.exporter !== undefined) {
      addUpTo(trace.nodeIds, span.exporter.nodeId);
      addUpTo(trace.nodeKeys, span.exporter.publicKey);
    }
    const groupId = integerAttribute(span.attributes, ATTR.groupId, 0xffff);
    if (groupId !== undefined) addUpTo(trace.groupIds, groupId);
  }

  #summarise(family: JoinedTrace): TraceSummary | undefined {
    const parts = family.rawTraceIds.flatMap((raw) => this.#traces.get(raw) ?? []);
    const root = this.#traces.get(family.traceId) ?? parts[0];
    if (root === undefined) return undefined;
    const firstNs = root.root?.startNs ?? root.firstNs;
    const lastNs = root.root?.endNs || root.lastNs; // 0 is no end
    const union = <T>(of: (part: Growing) => Iterable<T>): T[] => [
      ...new Set([root, ...parts].flatMap((part) => [...of(part)])),
    ];
    return {
      traceId: family.traceId,
      rawTraceIds: [...family.rawTraceIds],
      title: root.title,
      startUnixMs: Number(firstNs / 1_000n) / 1_000,
      durationMs: Number(lastNs - firstNs) / 1e6,
      spans: parts.reduce((sum, part) => sum + part.spans, 0),
      errors: parts.reduce((sum, part) => sum + part.errors, 0),
      services: union((part) => part.services),
      nodeIds: union((part) => part.nodeIds),
      groupIds: union((part) => part.groupIds),
    };
  }
}

/** A copy of its own of what is too long for a list, so that a cut text does not keep the whole one alive. */
function short(text: string): string {
  return text.length <= LONGEST_NAME ? text : Buffer.from(text.slice(0, LONGEST_NAME)).toString();
}

/** One trace may name so many services, nodes and groups here; the store knows them all. */
function addUpTo<T>(known: Set<T>, item: T): void {
  if (known.size < MOST_NAMES) known.add(item);
}

function matches(summary: TraceSummary, query: TraceQuery): boolean {
  const { service, nodeId, groupId, minDurationMs, maxDurationMs, status, text } = query;
  if (service !== undefined && !summary.services.includes(service)) return false;
  if (nodeId !== undefined && !summary.nodeIds.includes(nodeId)) return false;
  if (groupId !== undefined && !summary.groupIds.includes(groupId)) return false;
  if (minDurationMs !== undefined && summary.durationMs < minDurationMs) return false;
  if (maxDurationMs !== undefined && summary.durationMs > maxDurationMs) return false;
  if (status !== undefined && summary.errors > 0 !== (status === 'error')) return false;
  return text === undefined || summary.title.toLowerCase().includes(text.toLowerCase());
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
