import { Search } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { LogEvent } from '../../node-core/contract/log.ts';
import { formatCount, formatOf } from '../format/number.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useLogStore } from '../stores/log-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { Segmented } from '../ui/Segmented.tsx';
import { LogTable } from './LogTable.tsx';
import { fitsFilter } from './log-filter.ts';
import { logText } from './log-text.ts';

type Actor = 'anyone' | 'operator' | 'node';
type Level = 'any' | 'warning' | 'error';

/** What this node did and saw, and what the operator did, newest at the end. */
export function LogView() {
  const events = useLogStore((state) => state.events);
  const filter = useViewStore((state) => state.filter);
  const agents = useGraphStore((state) => state.agents);
  const groups = useGraphStore((state) => state.groups);
  const [words, setWords] = useState('');
  const [actor, setActor] = useState<Actor>('anyone');
  const [level, setLevel] = useState<Level>('any');
  const rows = useMemo(
    () =>
      events.filter(
        (event) =>
          fits(event, logText(event, agents), { words, actor, level }) && fitsFilter(event, filter, agents, groups),
      ),
    [events, words, actor, level, filter, agents, groups],
  );
  return (
    <>
      <div className="toolbar" role="toolbar" aria-label="Log">
        <label className="toolbar-search">
          <Search size={13} aria-hidden="true" />
          <span className="visually-hidden">Words in the log</span>
          <input
            type="search"
            placeholder="Search words"
            value={words}
            onChange={(event) => setWords(event.target.value)}
          />
        </label>
        <Segmented
          label="By"
          value={actor}
          options={[
            { value: 'anyone', text: 'Anyone' },
            { value: 'operator', text: 'Operator' },
            { value: 'node', text: 'Node' },
          ]}
          onChange={setActor}
        />
        <Segmented
          label="Level"
          value={level}
          options={[
            { value: 'any', text: 'Any level' },
            { value: 'warning', text: 'Warnings' },
            { value: 'error', text: 'Errors' },
          ]}
          onChange={setLevel}
        />
        <span className="spring" />
        <span className="toolbar-count">{`${formatOf(rows.length, events.length)} lines`}</span>
      </div>
      <div className="log">
        {rows.length === 0 ? (
          <p className="state-text">
            {events.length === 0
              ? 'No lines yet.'
              : `Nothing matches. ${formatCount(events.length)} lines are hidden by the filter.`}
          </p>
        ) : (
          <LogTable label="Log" rows={rows} />
        )}
      </div>
    </>
  );
}

function fits(event: LogEvent, said: string, wanted: { words: string; actor: Actor; level: Level }): boolean {
  if (wanted.actor !== 'anyone' && event.actor !== wanted.actor) return false;
  if (wanted.level === 'error' && event.level !== 'error') return false;
  if (wanted.level === 'warning' && event.level === 'info') return false;
  const text = `${event.kind} ${said} ${event.source}`.toLowerCase();
  return wanted.words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
