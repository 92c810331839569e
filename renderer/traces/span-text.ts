import type { Agent } from '../../node-core/contract/graph.ts';
import type { Trace, TraceSpan } from '../../node-core/contract/trace.ts';
import { formatShortId } from '../format/address.ts';
import { formatBound, formatDuration, formatOffset } from '../format/duration.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { spoken } from '../format/spoken.ts';
import type { Segment } from '../ui/SegmentBar.tsx';
import type { WaterfallRow } from './waterfall-rows.ts';

/** Who a span is of: its agent, or both of a flow. */
export function spanActor(span: TraceSpan, other: TraceSpan | undefined): string {
  return other === undefined ? span.service : `${span.service} to ${other.service}`;
}

/** The agent that has the id of a span's node, if its key is the one that sent the span. */
export function agentOf(span: TraceSpan, agents: ReadonlyMap<number, Agent>): Agent | undefined {
  const agent = span.nodeId === undefined || !span.authenticated ? undefined : agents.get(span.nodeId);
  const sameKey = agent?.publicKey === undefined || agent.publicKey === span.nodeKey;
  return sameKey ? agent : undefined;
}

/** Who recorded a span, and whose word that is. */
export function recordedBy(span: TraceSpan, agents: ReadonlyMap<number, Agent>): string {
  const { nodeId, nodeKey = '', authenticated } = span;
  if (nodeId === undefined) return 'a program of this machine, which proved nothing';
  if (!authenticated) return `node ${nodeId}, so it says: nothing proves it`;
  const key = `node ${nodeId} with the key ${formatShortId(nodeKey)}, proven by its tunnel`;
  return agents.has(nodeId) && agentOf(span, agents) === undefined ? `${key}; another node has its id now` : key;
}

const textAttribute = (span: TraceSpan, key: string): string | undefined => {
  const value = span.attributes[key];
  return typeof value === 'string' ? value : undefined;
};

/** The path of a span in words: "relay through fra-1". */
export function pathText(span: TraceSpan): string | undefined {
  if (span.path === undefined) return undefined;
  const beacon = textAttribute(span, 'pilot.relay.beacon');
  return span.path === 'relay' && beacon !== undefined ? `relay through ${formatSafeText(beacon)}` : span.path;
}

/** A smaller move reads as none. */
const LEAST_MOVE_MS = 0.05;

/** How the clock of a span's agent was treated. */
export function clockText(span: TraceSpan): string | undefined {
  if (span.clock.state === 'moved') {
    const { offsetMs, boundMs, through } = span.clock;
    const told = through === undefined ? '' : ', on the word of others';
    return Math.abs(offsetMs) < LEAST_MOVE_MS
      ? `clock ${formatBound(boundMs)}${told}`
      : `moved ${formatOffset(offsetMs, boundMs)}${told}`;
  }
  return span.clock.state === 'unknown' ? 'clock unknown: placed inside its caller' : undefined;
}

/** What stands beside a bar: duration, path, clock, a missing end, and the word of an error. */
export function barText(
  span: TraceSpan,
  other: TraceSpan | undefined,
  { withClock, alike = 1 }: { readonly withClock: boolean; readonly alike?: number },
): string {
  const parts = [`${formatDuration(span.durationMs)}${alike > 1 ? ` longest of ${alike}` : ''}`];
  const path = span.category === 'relay' || span.category === 'network' ? pathText(span) : undefined;
  if (path !== undefined) parts.push(path);
  const clock = clockText(other ?? span) ?? clockText(span);
  if (clock !== undefined && withClock) parts.push(clock);
  if (span.flow !== undefined && span.flow.otherEnd === 'not heard') parts.push('other end not heard');
  if (span.status === 'error') parts.push(errorText(span));
  return parts.join(', ');
}

export function errorText(span: TraceSpan): string {
  const word = span.statusMessage || textAttribute(span, 'error.type') || 'error';
  return formatSafeText(word, 60);
}

/** What a reader hears of a row. */
export function rowLabel(
  span: TraceSpan,
  other: TraceSpan | undefined,
  { level, alike }: Pick<WaterfallRow, 'level' | 'alike'>,
): string {
  const path = pathText(span);
  const parts = [
    formatSafeText(span.name) + (alike === undefined ? '' : `, ${alike.length} alike, the longest`),
    formatSafeText(spanActor(span, other)),
    `starts ${Math.round(span.startMs)}`,
    `lasts ${spoken(formatDuration(span.durationMs))}`,
  ];
  if (path !== undefined) parts.push(`by ${path}`);
  if (span.status === 'error') parts.push(`error: ${errorText(span)}`);
  if (span.flow?.otherEnd === 'not heard') parts.push('other end not heard');
  if (span.onCriticalPath) parts.push('on the critical path');
  return `${parts.join(', ')}. Level ${level + 1}.`;
}

export const CATEGORY_WORDS: Readonly<Record<TraceSpan['category'], string>> = {
  model: 'model',
  work: 'work',
  setup: 'dial',
  network: 'network',
  relay: 'relay',
  queue: 'queue',
  container: 'not covered',
};

const KINDS = Object.keys(CATEGORY_WORDS) as readonly TraceSpan['category'][];

/** The critical path by kind, largest first, with words. What no span covers is drawn as an empty container is. */
export function criticalShares({ criticalPath }: Pick<Trace, 'criticalPath'>): Segment[] {
  return Object.entries(criticalPath)
    .filter(([, ms]) => ms > 0)
    .map(([name, value]) => {
      const kind = KINDS.find((each) => each === name) ?? 'container';
      return { kind, label: CATEGORY_WORDS[kind], value };
    })
    .sort((a, b) => b.value - a.value);
}

/** In an order that is the same for all traces, so that they can be compared. */
export const byKind = (shares: readonly Segment[]): Segment[] =>
  KINDS.flatMap((kind) => shares.filter((share) => share.kind === kind));

/** Whether the trace has a span of a clock that was moved: then raw and shown times differ. */
export const hasMovedClock = (trace: Trace): boolean => trace.spans.some((span) => span.clock.state === 'moved');
