import type { UnixNano } from '../base/clock.ts';
import type { AttributeValue } from '../base/tracer.ts';
import { attributeListOf } from './attribute-list.ts';
import { type AnyValue, type Arrival, type AttributeList, EMPTY_SCOPE, type Resource, type Scope } from './span.ts';

/** One log record as it was sent, with how it came here. Ids are lowercase hex, empty when it belongs to no trace. */
export interface LogRecord extends Arrival {
  readonly timeUnixNano: UnixNano;
  readonly observedTimeUnixNano: UnixNano;
  /** `SeverityNumber`, 0 for unspecified, 9 for information, 13 for warning, 17 for error. */
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: AnyValue;
  readonly attributes: AttributeList;
  readonly droppedAttributesCount: number;
  readonly flags: number;
  readonly traceId: string;
  readonly spanId: string;
  /** What kind of event it is; the reports of nodes are told by it. */
  readonly eventName: string;
  readonly resource: Resource;
  readonly scope: Scope;
}

/** A log record before it has arrived anywhere. */
export type RecordedLog = Omit<LogRecord, keyof Arrival>;

const INFORMATION = 9;

/** An event of ours, by its name: for information, without a body, of no trace. Attributes without a value are left out. */
export function recordEvent(
  eventName: string,
  at: UnixNano,
  resource: Resource,
  attributes: Readonly<Record<string, AttributeValue | undefined>>,
): RecordedLog {
  return {
    timeUnixNano: at,
    observedTimeUnixNano: at,
    severityNumber: INFORMATION,
    severityText: '',
    body: null,
    attributes: attributeListOf(attributes),
    droppedAttributesCount: 0,
    flags: 0,
    traceId: '',
    spanId: '',
    eventName,
    resource,
    scope: EMPTY_SCOPE,
  };
}
