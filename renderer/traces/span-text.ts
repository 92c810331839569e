import type { Trace, TraceSpan } from '../../node-core/contract/schema.ts';
import { formatBound, formatDuration, formatOffset } from '../format/duration.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { spoken } from '../graph/labels.ts';

/** Who a span is of: its agent, or both of a flow. */
export function spanActor(span: TraceSpan, other: TraceSpan | undefined): string {
  return other === undefined ? span.service : `${span.service} to ${other.service}`;
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
    const { offsetMs, boundMs } = span.clock;
    return Math.abs(offsetMs) < LEAST_MOVE_MS
      ? `clock ${formatBound(boundMs)}`
      : `moved ${formatOffset(offsetMs, boundMs)}`;
  }
  return span.clock.state === 'unknown' ? 'clock unknown: placed inside its caller' : undefined;
}

/** What stands beside a bar: duration, path, clock, a missing end, and the word of an error. */
export function barText(span: TraceSpan, other: TraceSpan | undefined, withClock: boolean): string {
  const parts = [formatDuration(span.durationMs)];
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
export function rowLabel(span: TraceSpan, other: TraceSpan | undefined, level: number): string {
  const path = pathText(span);
  const parts = [
    formatSafeText(span.name),
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

/** The critical path by kind, largest first, with words. */
export function criticalShares(trace: Trace): { kind: string; label: string; value: number }[] {
  return Object.entries(trace.criticalPath)
    .filter(([, ms]) => ms > 0)
    .map(([kind, ms]) => ({ kind, label: CATEGORY_WORDS[kind as TraceSpan['category']] ?? kind, value: ms }))
    .sort((a, b) => b.value - a.value);
}

/** Whether the trace has a span of a clock that was moved: then raw and shown times differ. */
export const hasMovedClock = (trace: Trace): boolean => trace.spans.some((span) => span.clock.state === 'moved');
