import { AlignLeft, List, type LucideIcon, SquareUser, Waypoints } from 'lucide-react';
import { useViewStore, VIEWS, type View } from '../stores/view-store.ts';
import { VIEW_NAMES } from './view-names.ts';

const ICONS: Readonly<Record<View, LucideIcon>> = {
  graph: Waypoints,
  traces: AlignLeft,
  groups: SquareUser,
  log: List,
};

/** The views, each an icon over its word. */
export function Rail() {
  const view = useViewStore((state) => state.view);
  return (
    <nav className="rail" aria-label="Views">
      {VIEWS.map((name) => {
        const Icon = ICONS[name];
        return (
          <button
            key={name}
            type="button"
            aria-current={name === view ? 'page' : undefined}
            onClick={() => useViewStore.getState().set({ view: name })}
          >
            <Icon size={18} strokeWidth={1.6} aria-hidden="true" />
            {VIEW_NAMES[name]}
          </button>
        );
      })}
    </nav>
  );
}
