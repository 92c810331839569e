import type { Trace } from '../../node-core/contract/trace.ts';
import { copyText } from '../client/acts.ts';
import { formatShortId } from '../format/address.ts';
import { formatDuration } from '../format/duration.ts';
import { formatOf, formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useTraceStore } from '../stores/trace-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { SegmentBar } from '../ui/SegmentBar.tsx';
import { ExportMenu } from './ExportMenu.tsx';
import { criticalShares, hasMovedClock } from './span-text.ts';
import { Waterfall } from './Waterfall.tsx';
import { nextError } from './waterfall-keys.ts';

/** The open trace: what it was, where its time went, and its spans on one axis. */
export function TracePane() {
  const trace = useTraceStore((state) => state.open);
  const error = useTraceStore((state) => state.openError);
  if (error !== undefined) return <p className="state-text">{error}</p>;
  if (trace === undefined) return <div className="trace-pane" />;
  return (
    <section className="trace-pane" aria-label="Open trace">
      <Head trace={trace} />
      <CriticalPath trace={trace} />
      {trace.notes.map((note) => (
        <p key={note} className="state-line">
          <HealthGlyph state="unknown" /> <span>{formatSafeText(note)}</span>
        </p>
      ))}
      <Waterfall trace={trace} />
    </section>
  );
}

function Head({ trace }: { trace: Trace }) {
  const raw = useTraceStore((state) => state.raw);
  const joined = trace.rawTraceIds.length;
  return (
    <header className="trace-head">
      <h2>
        <Name text={trace.title} />
      </h2>
      <button
        type="button"
        className="text-button mono"
        title={trace.traceId}
        onClick={() => void copyText(trace.traceId, 'the trace id')}
      >
        {formatShortId(trace.traceId)}
      </button>
      {joined > 1 && <span className="t3">{`joined from ${joined} traces`}</span>}
      <span className="spring" />
      <span className="t2">
        {`${formatOf(trace.spans.length, trace.totalSpans)} spans, ${formatPlural(trace.agents.length, 'agent')}`}
      </span>
      {hasMovedClock(trace) && (
        <button
          type="button"
          className="toolbar-button"
          aria-pressed={raw}
          onClick={() => useTraceStore.getState().set({ raw: !raw, window: undefined })}
        >
          {raw ? 'Raw times shown' : 'Show raw times'} <kbd>r</kbd>
        </button>
      )}
      <ExportMenu text="Export trace" traceIds={[trace.traceId]} empty="" />
    </header>
  );
}

function CriticalPath({ trace }: { trace: Trace }) {
  const shares = criticalShares(trace);
  const total = shares.reduce((sum, share) => sum + share.value, 0);
  const errors = trace.spans.filter((span) => span.status === 'error').length;
  return (
    <div className="critical-path">
      <span>
        <b>{formatDuration(total === 0 ? trace.durationMs : total)}</b> critical path
      </span>
      <SegmentBar segments={shares} />
      <ul>
        {shares.map((share) => (
          <li key={share.kind}>
            <i className={`seg-key seg seg-${share.kind}`} aria-hidden="true" /> {share.label}{' '}
            <b>{formatDuration(share.value).replace(' ms', '')}</b>
          </li>
        ))}
      </ul>
      <span className="spring" />
      {errors > 0 && (
        <button type="button" className="toolbar-button" onClick={() => nextError(1)}>
          <HealthGlyph state="failing" /> {formatPlural(errors, 'error')} <kbd>e</kbd>
        </button>
      )}
    </div>
  );
}
