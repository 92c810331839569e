import { ATTR } from '../base/tracer.ts';
import { integerAttribute, type SpanRecord, textAttribute } from './span.ts';

/** The node that recorded a span: the authenticated exporter, whatever the span says; else what it says. */
export function nodeIdOf(span: SpanRecord): number | undefined {
  if (span.exporter !== undefined) return span.exporter.nodeId;
  const claimed =
    integerAttribute(span.attributes, ATTR.nodeId) ?? integerAttribute(span.resource.attributes, ATTR.nodeId);
  return claimed === 0 ? undefined : claimed;
}

export function serviceOf(span: SpanRecord): string {
  const name = textAttribute(span.resource.attributes, 'service.name');
  return name === undefined || name === '' ? 'unknown service' : name;
}

/**
 * Where a span was stamped: spans with the same origin have the same clock. A node by its key, or a program by what it says
 * of itself, which is never taken for a node that proved who it is.
 */
export function originOf(span: SpanRecord): string {
  if (span.exporter !== undefined) return span.exporter.publicKey;
  return `says ${nodeIdOf(span) ?? serviceOf(span)}`;
}
