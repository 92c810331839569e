import { Search, X } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { formatMinutes } from '../format/clock.ts';
import { formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { NO_GROUP } from '../stores/home-group.ts';
import { type TraceControls, useTraceStore } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { ExportMenu } from './ExportMenu.tsx';

const DURATIONS = [50, 100, 400, 1_000, 5_000] as const;
const MINUTES = [5, 15, 30, 120, 1_440] as const;
const TYPING_MS = 250;

/** The question to the store, part by part, and how much it found. */
export function TraceToolbar() {
  const controls = useTraceStore((state) => state.controls);
  const matched = useTraceStore((state) => state.matched);
  const total = useTraceStore((state) => state.total);
  const marked = useTraceStore((state) => state.marked);
  const change = useTraceStore.getState().setControls;
  return (
    <div className="toolbar" role="toolbar" aria-label="Traces">
      <TextField />
      <ServiceChoice value={controls.service} onChange={(service) => change({ service })} />
      <GroupChoice value={controls.groupId} onChange={(groupId) => change({ groupId })} />
      <Choice
        label="Lasts"
        value={String(controls.minDurationMs ?? '')}
        options={[
          ['', 'any'],
          ...DURATIONS.map((ms) => [String(ms), ms < 1_000 ? `≥ ${ms} ms` : `≥ ${ms / 1_000} s`] as const),
        ]}
        onChange={(value) => change({ minDurationMs: value === '' ? undefined : Number(value) })}
      />
      <Choice
        label="Result"
        value={controls.status}
        options={[
          ['any', 'any'],
          ['error', 'errors'],
          ['ok', 'no errors'],
        ]}
        onChange={(value) => change({ status: value as TraceControls['status'] })}
      />
      <TimeChoice minutes={controls.minutes} />
      <span className="spring" />
      <span className="toolbar-count">{`${formatOf(matched, Math.max(total, matched))} traces`}</span>
      <ExportMenu
        text={marked.size === 0 ? 'Export' : `Export ${marked.size} marked`}
        traceIds={[...marked]}
        empty="Mark traces with M or their box first."
      />
    </div>
  );
}

/** Plain words; the store is asked when typing rests. */
function TextField() {
  const asked = useTraceStore((state) => state.controls.text);
  const [text, setText] = useState(asked);
  useEffect(() => setText(asked), [asked]);
  useEffect(() => {
    if (text === asked) return undefined;
    const timer = setTimeout(() => useTraceStore.getState().setControls({ text }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, asked]);
  return (
    <label className="toolbar-search">
      <Search size={13} aria-hidden="true" />
      <span className="visually-hidden">Words in names and attributes</span>
      <input
        type="search"
        placeholder="Search words"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
    </label>
  );
}

interface ChoiceProps {
  readonly label: string;
  readonly value: string;
  readonly options: readonly (readonly [value: string, text: string])[];
  onChange(value: string): void;
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  return (
    <label className="toolbar-choice">
      {label}
      <select aria-label={label} value={value} onChange={(event) => onChange(event.target.value)}>
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

function ServiceChoice({ value, onChange }: { value: string; onChange(value: string): void }) {
  const agents = useGraphStore((state) => state.agents);
  const list = useTraceStore((state) => state.list);
  const options = useMemo(() => {
    const names = new Set([...agents.values()].map((agent) => agent.hostname));
    for (const trace of list.values()) for (const service of trace.services) names.add(service);
    if (value !== '') names.add(value);
    return [...names].sort().map((name) => [name, formatSafeText(name, 40)] as const);
  }, [agents, list, value]);
  return <Choice label="Agent" value={value} options={[['', 'any'], ...options]} onChange={onChange} />;
}

function GroupChoice({ value, onChange }: { value: number | undefined; onChange(value: number | undefined): void }) {
  const groups = useGraphStore((state) => state.groups);
  const options = [...groups.values()]
    .filter((group) => group.groupId !== NO_GROUP)
    .map((group) => [String(group.groupId), formatSafeText(group.name, 40)] as const);
  return (
    <Choice
      label="Group"
      value={value === undefined ? '' : String(value)}
      options={[['', 'any'], ...options]}
      onChange={(text) => onChange(text === '' ? undefined : Number(text))}
    />
  );
}

function TimeChoice({ minutes }: { minutes: number }) {
  const span = useViewStore((state) => state.span);
  if (span !== undefined) {
    return (
      <span className="chip">
        {`${formatMinutes(span.fromMs)} to ${formatMinutes(span.toMs)}`}
        <button
          type="button"
          aria-label="Clear the span of time"
          onClick={() => useViewStore.getState().set({ span: undefined })}
        >
          <X size={11} />
        </button>
      </span>
    );
  }
  const known = MINUTES.some((each) => each === minutes) ? MINUTES : [...MINUTES, minutes];
  return (
    <Choice
      label="Last"
      value={String(minutes)}
      options={known.map((each) => [String(each), each < 120 ? `${each} min` : `${each / 60} h`] as const)}
      onChange={(value) => useTraceStore.getState().setControls({ minutes: Number(value) })}
    />
  );
}
