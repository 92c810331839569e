import { SunMoon } from 'lucide-react';
import type { ReactNode } from 'react';
import { formatBytesOf } from '../format/bytes.ts';
import { formatClock, formatZone } from '../format/clock.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatOf } from '../format/number.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { isConnected, keptSpans, ledgerTotals, useStatusStore } from '../stores/status-store.ts';
import { type StatusTopic, type Theme, useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';

/** What runs, in one line; each part opens its explanation in the inspector. */
export function StatusLine() {
  return (
    <footer className="status-line" aria-label="Status">
      <Notice />
      <ThisNode />
      <Services />
      <span className="spring" />
      <Kept />
      <Clock />
      <ThemeButton />
    </footer>
  );
}

function Notice() {
  const notice = useStatusStore((state) => state.notice);
  if (notice === undefined) return null;
  return (
    <span className={notice.failed ? 'notice is-failed' : 'notice'} role="status">
      {notice.failed && <HealthGlyph state="failing" />}
      <bdi>{notice.text}</bdi>
      {notice.action !== undefined && (
        <button
          type="button"
          className="text-button"
          onClick={() => {
            useStatusStore.getState().setNotice(undefined);
            notice.action?.run();
          }}
        >
          {notice.action.label}
        </button>
      )}
    </span>
  );
}

function ThisNode() {
  const self = useStatusStore((state) => state.status?.self);
  const health = useGraphStore((state) => state.agents.get(state.self ?? 0)?.health.state);
  if (self === undefined) return <span className="status-part">This node starts</span>;
  return (
    <button
      type="button"
      className="status-part"
      onClick={() => useViewStore.getState().select({ kind: 'agent', nodeId: self.nodeId })}
    >
      <HealthGlyph state={health ?? 'unknown'} /> This node <span className="mono">{self.address}</span>
    </button>
  );
}

function Services() {
  const status = useStatusStore((state) => state.status);
  const connected = useStatusStore(isConnected);
  if (status === undefined) return null;
  const { registry, beacons, sources } = status;
  const beaconsUp = beacons.filter((beacon) => beacon.state === 'ok').length;
  const instead = status.otlpTaken === undefined ? '' : `, OTLP at ${status.otlpHttp}`;
  const rtt = registry.rttMs === undefined ? '' : `, ${formatDuration(registry.rttMs, 2)}`;
  return (
    <>
      <Part topic="registry" failing={registry.state === 'away'}>{`registry ${registry.state}${rtt}`}</Part>
      <Part topic="beacons" failing={beaconsUp < beacons.length}>
        {`beacons ${formatOf(beaconsUp, beacons.length)}`}
      </Part>
      <Part
        topic="sources"
        failing={sources.away.length > 0}
      >{`sources ${formatOf(sources.live, sources.known)}${instead}`}</Part>
      {connected && <Part topic="ledger">{`${formatCount(status.spansPerSecond)} spans/s`}</Part>}
    </>
  );
}

function Kept() {
  const status = useStatusStore((state) => state.status);
  const paused = useViewStore((state) => state.pausedAt !== undefined);
  const keptAtPause = useViewStore((state) => state.keptAtPause);
  if (status === undefined) return null;
  const { received, kept, lost } = ledgerTotals(status);
  const losses = lost === 0 ? '0 lost' : `lost ${formatOf(lost, received)}`;
  const waiting = Math.max(0, keptSpans(status) - keptAtPause);
  const text = paused ? `${formatCount(waiting)} waiting` : `kept ${formatOf(kept, received)} spans`;
  return (
    <>
      <Part topic="ledger" failing={lost > 0}>
        <span className={paused ? undefined : 'only-wide'}>{`${text} ·`}</span> {losses}
      </Part>
      <Part topic="store">
        <span className="only-wide">store</span> {formatBytesOf(status.store.bytes, status.store.capBytes)}
      </Part>
    </>
  );
}

function Clock() {
  const at = useStatusStore((state) => state.status?.at);
  if (at === undefined) return null;
  return <span className="status-part">{`${formatClock(at)} ${formatZone(at)}`}</span>;
}

const NEXT_THEME: Readonly<Record<Theme, Theme>> = { system: 'dark', dark: 'light', light: 'system' };

function ThemeButton() {
  const theme = useViewStore((state) => state.theme);
  const label = `Theme ${theme}`;
  return (
    <button
      type="button"
      className="status-part"
      aria-label={label}
      title={label}
      onClick={() => useViewStore.getState().set({ theme: NEXT_THEME[theme] })}
    >
      <SunMoon size={13} aria-hidden="true" />
    </button>
  );
}

function Part({ topic, failing, children }: { topic: StatusTopic; failing?: boolean; children: ReactNode }) {
  return (
    <button
      type="button"
      className={failing === true ? 'status-part is-failing' : 'status-part'}
      onClick={() => useViewStore.getState().select({ kind: 'status', topic })}
    >
      {failing === true && <HealthGlyph state="failing" />} {children}
    </button>
  );
}
