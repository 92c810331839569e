import type { TraceCalls } from '../../collector-thread/deck-collector.ts';
import type { ActRecorder } from './act-recorder.ts';

/** What an operator does with traces, beside reading them. */
export class TraceActs {
  readonly #traces: Pick<TraceCalls, 'export'>;
  readonly #recorder: ActRecorder;

  constructor(traces: Pick<TraceCalls, 'export'>, recorder: ActRecorder) {
    this.#traces = traces;
    this.#recorder = recorder;
  }

  /** @throws PilotError `trace.not-found`, `store.unavailable` */
  export(input: Parameters<TraceCalls['export']>[0]): ReturnType<TraceCalls['export']> {
    const { traceIds, joined } = input;
    const what = traceIds.length === 1 ? `trace ${traceIds[0]?.slice(0, 8)}` : `${traceIds.length} traces`;
    const text = `Export ${what} as OTLP JSON with ${joined ? 'joined' : 'raw'} ids`;
    return this.#recorder.record({ kind: 'trace.export', text }, () => this.#traces.export(input));
  }
}
