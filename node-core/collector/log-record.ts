import type { UnixNano } from '../base/clock.ts';
import type { AnyValue, Arrival, AttributeList, Resource, Scope } from './span.ts';

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
