import { ATTR } from '../base/tracer.ts';
import type { LogEvent } from '../contract/log.ts';
import { anyValueOf } from './attribute-list.ts';
import { type LogRecord, type RecordedLog, recordEvent } from './log-record.ts';
import { integerAttribute, type Resource, textAttribute } from './span.ts';

/** A line of an operator's log, wherever it stands in it. */
export type StoredEvent = Omit<LogEvent, 'id'>;

/** The event name of log records that are lines of an operator's log. PROTOCOL.md, "Reports", has their attributes. */
export const EVENT_NAME = 'flightdeck.event';

const EVENT_ATTR = {
  kind: 'flightdeck.event.kind',
  source: 'flightdeck.event.source',
  actor: 'flightdeck.event.actor',
  nodeKey: 'flightdeck.event.node_key',
} as const;

const SEVERITY: Readonly<Record<LogEvent['level'], number>> = { info: 9, warning: 13, error: 17 };
const MICROS_PER_MS = 1e3;
const NANOS_PER_MICRO = 1_000n;

export function encodeEvent(event: StoredEvent, resource: Resource): RecordedLog {
  const at = BigInt(Math.round(event.at * MICROS_PER_MS)) * NANOS_PER_MICRO;
  const attributes = {
    [EVENT_ATTR.kind]: event.kind,
    [EVENT_ATTR.source]: event.source,
    [EVENT_ATTR.actor]: event.actor,
    [ATTR.peerNodeId]: event.nodeId,
    [EVENT_ATTR.nodeKey]: event.nodeKey,
    [ATTR.groupId]: event.groupId,
  };
  return {
    ...recordEvent(EVENT_NAME, at, resource, attributes),
    severityNumber: SEVERITY[event.level],
    body: anyValueOf(event.text),
    traceId: event.traceId ?? '',
  };
}

/** The line that a record holds; undefined for any other record. */
export function decodeEvent(log: LogRecord): StoredEvent | undefined {
  const { attributes, body, severityNumber, timeUnixNano, traceId } = log;
  const kind = textAttribute(attributes, EVENT_ATTR.kind);
  const source = textAttribute(attributes, EVENT_ATTR.source);
  const actor = textAttribute(attributes, EVENT_ATTR.actor);
  if (log.eventName !== EVENT_NAME || typeof body !== 'string' || kind === undefined || source === undefined) {
    return undefined;
  }
  const nodeId = integerAttribute(attributes, ATTR.peerNodeId);
  const nodeKey = keyAttribute(attributes, EVENT_ATTR.nodeKey);
  const groupId = integerAttribute(attributes, ATTR.groupId, 0xffff);
  return {
    at: Number(timeUnixNano / NANOS_PER_MICRO) / MICROS_PER_MS,
    level: severityNumber >= SEVERITY.error ? 'error' : severityNumber >= SEVERITY.warning ? 'warning' : 'info',
    kind,
    text: body,
    source,
    actor: actor === 'operator' ? 'operator' : 'node',
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(nodeKey === undefined ? {} : { nodeKey }),
    ...(groupId === undefined ? {} : { groupId }),
    ...(traceId === '' ? {} : { traceId }),
  };
}

function keyAttribute(attributes: LogRecord['attributes'], key: string): string | undefined {
  const text = textAttribute(attributes, key);
  return text !== undefined && /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}
