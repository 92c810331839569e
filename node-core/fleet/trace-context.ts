import type { SpanContext } from '../base/tracer.ts';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** W3C `traceparent`, version 00, sampled. */
export function formatTraceparent({ traceId, spanId }: SpanContext): string {
  return `00-${traceId}-${spanId}-01`;
}

/** Undefined for anything that is not a valid `traceparent`. */
export function parseTraceparent(text: unknown): SpanContext | undefined {
  const match = typeof text === 'string' ? TRACEPARENT.exec(text) : null;
  const [, traceId, spanId] = match ?? [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId };
}
