import type { TraceSpan } from '../../contract/trace.ts';
import type { ClockEstimate } from '../flow/clock-offsets.ts';
import type { SpanRecord } from '../span.ts';
import { originOf } from '../span-origin.ts';
import type { TraceTree } from './trace-tree.ts';

/** A span on the trace's one time axis: milliseconds after a common zero, shifted and as recorded. */
export interface PlacedSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly rawStartMs: number;
  readonly clock: TraceSpan['clock'];
}

export interface Clocks {
  /** The public key of the node whose clock is the axis. */
  readonly reference: string | undefined;
  /** Other nodes' clocks minus that one, by public key. */
  readonly estimates: ReadonlyMap<string, ClockEstimate>;
}

const NANOS_PER_MS = 1e6;

/**
 * Puts all spans on the axis of the reference clock. Of a clock without evidence nothing is known, so its spans stay where
 * they were recorded if that is inside their caller, and are moved inside it if not: together with what is under them.
 *
 * @param zero - Unix nanoseconds that become 0 ms.
 */
export function placeSpans(spans: readonly SpanRecord[], tree: TraceTree, clocks: Clocks, zero: bigint): PlacedSpan[] {
  const placed: PlacedSpan[] = new Array(spans.length);
  const shifts = new Float64Array(spans.length);
  for (const index of tree.topDown) {
    const span = spans[index];
    if (span === undefined) continue;
    const rawStartMs = Number(span.startTimeUnixNano - zero) / NANOS_PER_MS;
    const durationMs = Number(span.endTimeUnixNano - span.startTimeUnixNano) / NANOS_PER_MS;
    const clock = clockOf(span, clocks);
    const parentIndex = tree.parents[index] ?? -1;
    const [parent, caller] = [spans[parentIndex], placed[parentIndex]];
    let shift = 0;
    if (clock.state === 'moved') shift = -clock.offsetMs;
    else if (clock.state === 'unknown' && parent !== undefined && caller !== undefined) {
      const sameClock = originOf(parent) === originOf(span);
      shift = sameClock ? (shifts[parentIndex] ?? 0) : shiftInside(caller, rawStartMs, Math.max(0, durationMs));
    }
    shifts[index] = shift;
    placed[index] = { startMs: rawStartMs + shift, endMs: rawStartMs + shift + durationMs, rawStartMs, clock };
  }
  return placed;
}

function clockOf(span: SpanRecord, clocks: Clocks): TraceSpan['clock'] {
  if (span.exporter === undefined) return { state: 'unknown' };
  const { publicKey } = span.exporter;
  if (publicKey === clocks.reference) return { state: 'reference' };
  const estimate = clocks.estimates.get(publicKey);
  if (estimate === undefined) return { state: 'unknown' };
  const { offsetMs, boundMs, through } = estimate;
  return { state: 'moved', offsetMs, boundMs, ...(through === undefined ? {} : { through: [...through] }) };
}

/** As a request and its answer take about as long, the middle of the caller is the best guess. */
function shiftInside(caller: PlacedSpan, startMs: number, durationMs: number): number {
  const callerMs = Math.max(0, caller.endMs - caller.startMs);
  if (startMs >= caller.startMs && startMs + durationMs <= caller.endMs) return 0;
  const before = Math.max(0, callerMs - durationMs) / 2;
  return caller.startMs + before - startMs;
}
