import { useMemo } from 'react';
import { startHostAgain } from '../client/deck.ts';
import { saveFile } from '../client/download.ts';
import { formatSafeJson } from '../format/safe-text.ts';
import { withChip } from '../stores/filter.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useLogStore } from '../stores/log-store.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { type StateLine, stateLines } from './state-lines.ts';

/** The disconnected and partial states, each in one line over the view. */
export function StateLines() {
  const link = useStatusStore((state) => state.link);
  const status = useStatusStore((state) => state.status);
  const pictureAt = useGraphStore((state) => state.at);
  const lines = useMemo(() => stateLines(link, pictureAt, status), [link, pictureAt, status]);
  if (lines.length === 0) return null;
  return (
    <div className="state-lines">
      {lines.map((line) => (
        <p
          key={line.text}
          className={`state-line is-${line.kind}`}
          role={line.kind === 'stopped' ? 'alert' : undefined}
        >
          <HealthGlyph state={line.kind === 'source' || line.kind === 'store' ? 'degraded' : 'failing'} />
          <span>{line.text}</span>
          <Actions line={line} />
        </p>
      ))}
    </div>
  );
}

function Actions({ line }: { line: StateLine }) {
  if (line.kind === 'stopped') {
    return (
      <>
        <Act text="Start again" run={startHostAgain} />
        <Act text="Save report" run={saveReport} />
      </>
    );
  }
  if (line.kind === 'beacon') return <Act text="Show them" run={showRelayed} />;
  if (line.kind === 'source') return <Act text="Show" run={() => showSource(line.about ?? '')} />;
  return null;
}

function Act({ text, run }: { text: string; run: () => void }) {
  return (
    <button type="button" className="text-button" onClick={run}>
      {text}
    </button>
  );
}

function showRelayed(): void {
  const { filter, set } = useViewStore.getState();
  set({ view: 'graph', filter: withChip(filter, { key: 'path', value: 'relay' }) });
}

function showSource(hostname: string): void {
  const agent = [...useGraphStore.getState().agents.values()].find((each) => each.hostname === hostname);
  if (agent !== undefined) useViewStore.getState().select({ kind: 'agent', nodeId: agent.nodeId });
}

/** What the window last knew, for whoever mends the engine. */
function saveReport(): void {
  const { status, link, linkSince } = useStatusStore.getState();
  const report = { link, linkSince, status, log: useLogStore.getState().events.slice(-1_000) };
  saveFile('flightdeck-report.json', formatSafeJson(report, 2));
}
