interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

const nanos = (unixMs: number): string => String(BigInt(unixMs) * 1_000_000n);

/** Sends spans of one service as another collector would, OTLP JSON over HTTP; false when they were not taken. */
export async function sendSpans(otlpHttp: string, service: string, spans: readonly SentSpan[]): Promise<boolean> {
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] };
  const sent = spans.map(({ startMs, endMs, ...span }) => ({
    ...span,
    kind: 1,
    startTimeUnixNano: nanos(startMs),
    endTimeUnixNano: nanos(endMs),
  }));
  const response = await fetch(`http://${otlpHttp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: sent }] }] }),
    signal: AbortSignal.timeout(5_000),
  });
  return response.status === 200;
}
