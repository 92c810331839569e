import { Copy } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { AttributeJson, TraceSpan } from '../../node-core/contract/trace.ts';
import { copyText } from '../client/acts.ts';
import { openTrace, rawSpan } from '../client/trace-feed.ts';
import { formatShortId } from '../format/address.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCount } from '../format/number.ts';
import { formatSafeJson, formatSafeText } from '../format/safe-text.ts';
import { InspectorHead } from '../shell/InspectorHead.tsx';
import { nodeNames, useGraphStore } from '../stores/graph-store.ts';
import { useTraceStore } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { EndsTable } from '../ui/EndsTable.tsx';
import { Name } from '../ui/Name.tsx';
import { PathSwatch } from '../ui/PathSwatch.tsx';
import { Acts, Fact, Facts, Section } from '../ui/Section.tsx';
import { agentOf, CATEGORY_WORDS, clockText, errorText, pathText, recordedBy, spanActor } from './span-text.ts';

/** Everything about one span, the verdict first and the raw record last. */
export function SpanDetails({ span }: { span: TraceSpan }) {
  const spans = useTraceStore((state) => state.open?.spans);
  const other = useMemo(() => otherEndOf(span, spans ?? []), [span, spans]);
  const kind = span.flow === undefined ? 'Span' : `Flow, seen from ${other === undefined ? 'one end' : 'both ends'}`;
  return (
    <>
      <InspectorHead
        kind={kind}
        title={<Name text={span.name} />}
        sentence={<Sentence span={span} other={other} />}
        copy={{ text: span.spanId, what: 'the span id' }}
      />
      <div className="inspector-body">
        {span.flow !== undefined && <BothEnds span={span} other={other} />}
        <Clock span={span} other={other} />
        <Identity span={span} />
        <Attributes title="Attributes" attributes={span.attributes} />
        <Attributes title="Resource" attributes={span.resource} />
        <Events span={span} />
        <Links span={span} />
        <Raw span={span} />
      </div>
      <SpanActs span={span} />
    </>
  );
}

function SpanActs({ span }: { span: TraceSpan }) {
  const agent = useGraphStore((state) => agentOf(span, state.agents));
  return (
    <Acts>
      {agent !== undefined && (
        <button type="button" className="button" onClick={() => showAgent(agent.nodeId)}>
          Show in the graph
        </button>
      )}
      <button type="button" className="button" onClick={() => void copyText(formatSafeJson(span, 0), 'the span')}>
        Copy
      </button>
    </Acts>
  );
}

function showAgent(nodeId: number): void {
  useTraceStore.getState().set({ selectedSpan: undefined });
  const { set, select } = useViewStore.getState();
  set({ view: 'graph' });
  select({ kind: 'agent', nodeId });
}

/** The other end of a joined flow: same flow, same name, the other role. */
function otherEndOf(span: TraceSpan, spans: readonly TraceSpan[]): TraceSpan | undefined {
  if (span.flow === undefined) return undefined;
  const { flowId, role } = span.flow;
  const ends = spans.filter((each) => each.flow?.flowId === flowId && each.flow.role !== role);
  return ends.find((each) => each.name === span.name) ?? ends[0];
}

function Sentence({ span, other }: { span: TraceSpan; other: TraceSpan | undefined }) {
  const path = pathText(span);
  return (
    <>
      <Name text={spanActor(span, other)} />, <b>{formatDuration(span.durationMs)}</b>
      {path !== undefined && (
        <>
          {' '}
          by <PathSwatch path={span.path ?? 'unknown'} /> <b>{path}</b>
        </>
      )}
      .{span.status === 'error' && ` It failed: ${errorText(span)}.`}
      {span.flow?.otherEnd === 'not heard' && ' The other end was not heard.'}
      {span.onCriticalPath && ' It is on the critical path.'}
    </>
  );
}

const END_ROWS: readonly (readonly [name: string, value: (span: TraceSpan) => string])[] = [
  ['role', (span) => span.flow?.role ?? '–'],
  ['starts', (span) => `${span.startMs.toFixed(1)} ms`],
  ['ends', (span) => `${(span.startMs + span.durationMs).toFixed(1)} ms`],
  ['lasts', (span) => formatDuration(span.durationMs)],
  ['bytes sent', (span) => countAttribute(span, 'pilot.bytes.sent')],
  ['bytes received', (span) => countAttribute(span, 'pilot.bytes.received')],
  ['path', (span) => span.path ?? 'unknown'],
  ['recorded as', (span) => formatShortId(span.traceId)],
];

function countAttribute(span: TraceSpan, key: string): string {
  const value = span.attributes[key];
  if (typeof value === 'number') return formatCount(value);
  return typeof value === 'string' && /^\d+$/.test(value) ? formatCount(Number(value)) : 'unknown';
}

function BothEnds({ span, other }: { span: TraceSpan; other: TraceSpan | undefined }) {
  const ends = other === undefined ? [span] : span.flow?.role === 'dialler' ? [span, other] : [other, span];
  return (
    <Section title="Both ends">
      <EndsTable
        ends={ends}
        keyOf={(end) => end.traceId + end.spanId}
        head={(end) => <Name text={end.service} />}
        rows={END_ROWS}
      />
      {other === undefined && <p className="note">The other end was not heard: its half is missing, not fast.</p>}
    </Section>
  );
}

function Clock({ span, other }: { span: TraceSpan; other: TraceSpan | undefined }) {
  const raw = useTraceStore((state) => state.raw);
  const agents = useGraphStore((state) => state.agents);
  const ends = [span, other].filter((end): end is TraceSpan => end !== undefined && end.clock.state !== 'reference');
  if (ends.length === 0) return null;
  const toggle = (
    <button
      type="button"
      className="text-button"
      onClick={() => useTraceStore.getState().set({ raw: !raw, window: undefined })}
    >
      {raw ? 'show moved times' : 'show raw times'}
    </button>
  );
  return (
    <Section title="Clock" figure={toggle}>
      {ends.map((end) => (
        <p key={end.traceId + end.spanId} className="note">
          <Name text={end.service} /> <b>{clockText(end)}</b>
          {end.clock.state === 'moved' &&
            `; recorded at ${end.rawStartMs.toFixed(1)} ms, shown at ${end.startMs.toFixed(1)} ms`}
          {end.clock.state === 'moved' &&
            end.clock.through !== undefined &&
            `; not measured here, but through ${nodeNames(end.clock.through, agents)}`}
          .
        </p>
      ))}
    </Section>
  );
}

function Identity({ span }: { span: TraceSpan }) {
  const recorded = useGraphStore((state) => recordedBy(span, state.agents));
  return (
    <Section title="Span">
      <Facts>
        <Fact name="recorded by">{recorded}</Fact>
        <Fact name="kind">{span.kind}</Fact>
        <Fact name="drawn as">{CATEGORY_WORDS[span.category]}</Fact>
        <Fact name="trace id">
          <CopyId id={span.traceId} />
        </Fact>
        <Fact name="span id">
          <CopyId id={span.spanId} />
        </Fact>
        {span.flow !== undefined && (
          <Fact name="flow id">
            <CopyId id={span.flow.flowId} />
          </Fact>
        )}
        <Fact name="scope">
          <Name text={[span.scope.name, span.scope.version].filter(Boolean).join(' ') || 'unknown'} />
        </Fact>
      </Facts>
    </Section>
  );
}

function CopyId({ id }: { id: string }) {
  return (
    <button type="button" className="text-button mono" title={id} onClick={() => void copyText(id, 'the id')}>
      {formatShortId(id)}
    </button>
  );
}

function Attributes({ title, attributes }: { title: string; attributes: TraceSpan['attributes'] }) {
  const [words, setWords] = useState('');
  const entries = Object.entries(attributes).sort(([a], [b]) => a.localeCompare(b));
  const shown = entries.filter(([key, value]) => `${key} ${textOf(value)}`.toLowerCase().includes(words.toLowerCase()));
  if (entries.length === 0) return null;
  return (
    <Section title={title} figure={formatCount(entries.length)}>
      {entries.length > 8 && (
        <input
          className="attribute-filter"
          type="search"
          aria-label={`Filter ${title.toLowerCase()}`}
          placeholder="Filter"
          value={words}
          onChange={(event) => setWords(event.target.value)}
        />
      )}
      <dl className="attributes">
        {shown.map(([key, value]) => (
          <div key={key}>
            <dt>
              <Name text={key} />
            </dt>
            <dd className="mono">
              <Name text={textOf(value)} />
              <button
                type="button"
                className="icon-button"
                aria-label={`Copy ${formatSafeText(key)}`}
                onClick={() => void copyText(textOf(value), formatSafeText(key))}
              >
                <Copy size={11} />
              </button>
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

const textOf = (value: AttributeJson): string => (typeof value === 'string' ? value : JSON.stringify(value));

function Events({ span }: { span: TraceSpan }) {
  const startUnixMs = useTraceStore((state) => state.open?.startUnixMs ?? 0);
  if (span.events.length === 0) return null;
  const shift = span.startMs - span.rawStartMs;
  return (
    <Section title="Events" figure={formatCount(span.events.length)}>
      <ul className="events">
        {span.events.map((event) => (
          <li key={`${event.name} ${event.at}`}>
            <span className="mono t3">{`${(event.at - startUnixMs + shift).toFixed(1)} ms`}</span>
            <Name text={event.name} />
            <small>
              <Name
                text={Object.entries(event.attributes)
                  .map(([key, value]) => `${key} ${textOf(value)}`)
                  .join(', ')}
              />
            </small>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Links({ span }: { span: TraceSpan }) {
  if (span.links.length === 0) return null;
  return (
    <Section title="Links" figure={formatCount(span.links.length)}>
      <ul className="rows">
        {span.links.map((link) => (
          <li key={link.traceId + link.spanId}>
            <button type="button" onClick={() => void openTrace(link.traceId)}>
              <span className="mono">{`${formatShortId(link.traceId)} ${formatShortId(link.spanId)}`}</span>
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** The span as its node sent it, read from the store when it is opened. */
function Raw({ span }: { span: TraceSpan }) {
  const [text, setText] = useState<string | undefined>(undefined);
  const read = async () => setText(await rawSpan(span.traceId, span.spanId));
  return (
    <Section title="Raw OTLP">
      {text === undefined ? (
        <button type="button" className="text-button" onClick={() => void read()}>
          Show the record
        </button>
      ) : (
        <pre className="raw">
          <bdi>{text}</bdi>
        </pre>
      )}
    </Section>
  );
}
