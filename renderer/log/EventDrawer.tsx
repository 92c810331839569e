import { X } from 'lucide-react';
import { useMemo } from 'react';
import { formatOf } from '../format/number.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useLogStore } from '../stores/log-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { Splitter } from '../ui/Splitter.tsx';
import { LogTable } from './LogTable.tsx';
import { concerns, fitsFilter } from './log-filter.ts';

const USUAL_HEIGHT = 180;
const HEIGHTS = { min: 96, max: 480 } as const;

/** The log under the time band of any view: what concerns the selection, or everything. */
export function EventDrawer() {
  const height = useViewStore((state) => state.drawerHeight);
  const selection = useViewStore((state) => state.selection);
  const filter = useViewStore((state) => state.filter);
  const events = useLogStore((state) => state.events);
  const agents = useGraphStore((state) => state.agents);
  const groups = useGraphStore((state) => state.groups);
  const tunnels = useGraphStore((state) => state.tunnels);
  const rows = useMemo(() => {
    const facts = { agents, groups, tunnels };
    return events.filter(
      (event) =>
        fitsFilter(event, filter, agents, groups) && (selection === undefined || concerns(event, selection, facts)),
    );
  }, [events, filter, selection, agents, groups, tunnels]);
  const set = useViewStore.getState().set;
  const close = () => set({ drawerOpen: false });
  return (
    <section className="event-drawer" aria-label="Events" tabIndex={-1} style={{ height }}>
      <Splitter
        label="Height of the events"
        between="rows"
        after
        size={height}
        {...HEIGHTS}
        reset={USUAL_HEIGHT}
        onResize={(drawerHeight) => set({ drawerHeight })}
        onCollapse={close}
      />
      <header className="event-drawer-head">
        <b>Events</b>
        <span className="t2">{selection === undefined ? 'of everything' : 'of the selection'}</span>
        <span className="spring" />
        <span className="toolbar-count">{`${formatOf(rows.length, events.length)} lines`}</span>
        <button type="button" className="icon-button" aria-label="Close the events" onClick={close}>
          <X size={14} />
        </button>
      </header>
      <div className="log">
        {rows.length === 0 ? (
          <p className="state-text">No lines about this.</p>
        ) : (
          <LogTable label="Events" rows={rows} />
        )}
      </div>
    </section>
  );
}
