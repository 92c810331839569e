import { useEffect, useMemo } from 'react';
import { copyText } from './client/acts.ts';
import { setPaused } from './client/deck.ts';
import { CommandPalette } from './frame/CommandPalette.tsx';
import { Inspector } from './frame/Inspector.tsx';
import { KeysHelp } from './frame/KeysHelp.tsx';
import { LiveRegion } from './frame/LiveRegion.tsx';
import { Rail } from './frame/Rail.tsx';
import { focusNextRegion } from './frame/regions.ts';
import { StateLines } from './frame/StateLines.tsx';
import { StatusLine } from './frame/StatusLine.tsx';
import { TimeBand } from './frame/TimeBand.tsx';
import { TopBar } from './frame/TopBar.tsx';
import { VIEW_NAMES } from './frame/view-names.ts';
import { GraphView } from './graph/GraphView.tsx';
import { GroupsView } from './groups/GroupsView.tsx';
import { EventDrawer } from './log/EventDrawer.tsx';
import { LogView } from './log/LogView.tsx';
import { closeInspector } from './shell/close-inspector.ts';
import { type KeyAction, type KeyMap, useKeys } from './shell/use-keys.ts';
import { useGraphStore } from './stores/graph-store.ts';
import { useStatusStore } from './stores/status-store.ts';
import { useTraceStore } from './stores/trace-store.ts';
import { useViewStore, VIEWS } from './stores/view-store.ts';
import { TracesView } from './traces/TracesView.tsx';
import { currentWidth } from './ui/use-width.ts';

const SHOWN = { graph: GraphView, traces: TracesView, groups: GroupsView, log: LogView } as const;

/** The frame round the views: everything here stays at its place whatever is shown. */
export function App() {
  const view = useViewStore((state) => state.view);
  const lost = useStatusStore((state) => state.link === 'lost' || state.link === 'stopped');
  const drawerOpen = useViewStore((state) => state.drawerOpen);
  const inspectorOpen = useViewStore((state) => state.inspectorOpen);
  useTheme();
  useKeys(useMemo(everywhereKeys, []));
  const Shown = SHOWN[view];
  return (
    <div className={inspectorOpen ? 'app has-inspector' : 'app'}>
      <TopBar />
      <Rail />
      <main aria-label={VIEW_NAMES[view]} tabIndex={-1}>
        <h1 className="visually-hidden">{VIEW_NAMES[view]}</h1>
        <StateLines />
        <div className={lost ? 'picture is-old' : 'picture'}>
          <Shown />
        </div>
      </main>
      <div className="band">
        <TimeBand />
        {drawerOpen && <EventDrawer />}
      </div>
      <Inspector />
      <StatusLine />
      <LiveRegion />
      <KeysHelp />
      <CommandPalette />
    </div>
  );
}

function useTheme(): void {
  const theme = useViewStore((state) => state.theme);
  useEffect(() => {
    const light = window.matchMedia('(prefers-color-scheme: light)');
    const apply = () => {
      document.documentElement.dataset.theme = theme === 'system' ? (light.matches ? 'light' : 'dark') : theme;
    };
    apply();
    light.addEventListener('change', apply);
    return () => light.removeEventListener('change', apply);
  }, [theme]);
}

function everywhereKeys(): KeyMap {
  const view = useViewStore.getState;
  const togglePalette = () => view().set({ paletteOpen: !view().paletteOpen });
  const keys: Record<string, KeyAction> = {
    'Ctrl+k': togglePalette,
    'Ctrl+Shift+p': togglePalette,
    'Ctrl+\\': () => view().set({ inspectorOpen: !view().inspectorOpen }),
    'Ctrl+j': () => view().set({ drawerOpen: !view().drawerOpen }),
    ' ': () => setPaused(view().pausedAt === undefined),
    'Shift+ ': () => setPaused(false),
    '?': () => view().set({ keysOpen: !view().keysOpen }),
    F6: () => focusNextRegion(1),
    'Shift+F6': () => focusNextRegion(-1),
    y: () => copySelected('name'),
    'Shift+y': () => copySelected('address'),
    Escape: outOneLevel,
  };
  VIEWS.forEach((name, index) => {
    keys[`Ctrl+${index + 1}`] = () => view().set({ view: name });
  });
  return keys;
}

/** Esc: the keys, then the focus of the graph, then the selection. */
function outOneLevel(): void {
  const { keysOpen, focus, selection, inspectorOpen, span, view, set } = useViewStore.getState();
  const spanSelected = view === 'traces' && useTraceStore.getState().selectedSpan !== undefined;
  const covered = inspectorOpen && currentWidth() !== 'wide';
  if (keysOpen) set({ keysOpen: false });
  else if (view === 'graph' && focus !== undefined) set({ focus: undefined });
  else if (spanSelected || selection !== undefined || covered) closeInspector();
  else if (span !== undefined) set({ span: undefined });
}

function copySelected(part: 'name' | 'address'): void {
  const { selection } = useViewStore.getState();
  if (selection?.kind !== 'agent') return;
  const agent = useGraphStore.getState().agents.get(selection.nodeId);
  if (agent === undefined) return;
  void copyText(part === 'name' ? agent.hostname : agent.address, part === 'name' ? agent.hostname : agent.address);
}
