import { Contrast, Pause } from 'lucide-react';
import { setPaused } from '../client/deck.ts';
import { useStatusStore } from '../stores/status-store.ts';
import { useViewStore, VIEWS, type View } from '../stores/view-store.ts';
import { Name } from '../ui/Name.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { useWidth } from '../ui/use-width.ts';
import { GlobalFilter } from './GlobalFilter.tsx';
import { VIEW_NAMES } from './view-names.ts';

/** Which network, what of it is shown, and whether it moves. */
export function TopBar() {
  const width = useWidth();
  return (
    <header className="top-bar">
      <Network />
      {width === 'narrow' && <ViewMenu />}
      <GlobalFilter />
      <ModeControl />
      <button type="button" className="button" onClick={() => useViewStore.getState().set({ paletteOpen: true })}>
        Command <kbd>Ctrl K</kbd>
      </button>
    </header>
  );
}

function Network() {
  const name = useStatusStore((state) => state.status?.networkName);
  const registry = useStatusStore((state) => state.status?.registry.address);
  return (
    <div className="network">
      <Contrast size={16} strokeWidth={1.6} aria-hidden="true" />
      <b>{name === undefined ? 'Flightdeck' : <Name text={name} />}</b>
      {registry !== undefined && <span className="network-registry mono">{registry}</span>}
    </div>
  );
}

function ViewMenu() {
  const view = useViewStore((state) => state.view);
  return (
    <label className="view-menu">
      View
      <select
        aria-label="View"
        value={view}
        onChange={(event) => useViewStore.getState().set({ view: event.target.value as View })}
      >
        {VIEWS.map((name) => (
          <option key={name} value={name}>
            {VIEW_NAMES[name]}
          </option>
        ))}
      </select>
    </label>
  );
}

function ModeControl() {
  const paused = useViewStore((state) => state.pausedAt !== undefined);
  const options = [
    { value: 'live', text: <ModeText icon={<i className="live-dot" />} word="Live" /> },
    {
      value: 'paused',
      text: <ModeText icon={<Pause size={12} strokeWidth={2.4} aria-hidden="true" />} word="Paused" />,
    },
  ] as const;
  return (
    <Segmented
      strong
      label="Time mode"
      value={paused ? 'paused' : 'live'}
      options={options}
      onChange={(mode) => setPaused(mode === 'paused')}
    />
  );
}

function ModeText({ icon, word }: { icon: React.ReactNode; word: string }) {
  return (
    <>
      {icon}
      {word}
    </>
  );
}
