/**
 * Says that one span belongs under another of a different trace. A row of its own in the store: raw ids are never
 * rewritten. `joined` makes one trace of both. `linked` only points: the flow carried more than one request, and merging
 * them would make one trace of strangers.
 */
export interface FlowJoin {
  readonly flowId: string;
  readonly kind: 'joined' | 'linked';
  readonly diallerTraceId: string;
  readonly diallerSpanId: string;
  readonly acceptorTraceId: string;
  readonly acceptorSpanId: string;
}

/** A join with the public key of the node whose word it rests on: it counts towards that node's share. */
export interface FoundJoin extends FlowJoin {
  readonly by: string;
}

/** Raw traces that flows made one. */
export interface JoinedTrace {
  /** That of the root dialler: the trace that is joined under no other. */
  readonly traceId: string;
  /** The root's first, the others sorted. */
  readonly rawTraceIds: readonly string[];
}
