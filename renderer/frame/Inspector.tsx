import { useEffect } from 'react';
import type { TraceSpan } from '../../node-core/contract/trace.ts';
import { AgentDetails } from '../graph/AgentDetails.tsx';
import { BeaconDetails } from '../graph/BeaconDetails.tsx';
import { TunnelDetails } from '../graph/TunnelDetails.tsx';
import { GroupDetails } from '../groups/GroupDetails.tsx';
import { LeaveSheet } from '../groups/LeaveSheet.tsx';
import { PanelPinned } from '../shell/InspectorHead.tsx';
import { useGroupStore } from '../stores/group-store.ts';
import { useTraceStore } from '../stores/trace-store.ts';
import { type Selection, sameSelection, useViewStore } from '../stores/view-store.ts';
import { SpanDetails } from '../traces/SpanDetails.tsx';
import { Splitter } from '../ui/Splitter.tsx';
import { useBroad, useWidth } from '../ui/use-width.ts';
import { NetworkNow } from './NetworkNow.tsx';
import { StatusDetails } from './StatusDetails.tsx';

const MIN_WIDTH = 320;
const MAX_WIDTH = 640;
const USUAL_WIDTH = 360;

/** What is selected, in sentences and figures; never blank: with nothing selected it is the network now. */
export function Inspector() {
  const open = useViewStore((state) => state.inspectorOpen);
  const width = useViewStore((state) => state.inspectorWidth);
  const widthClass = useWidth();
  useOpenOnlyByChoice(widthClass === 'wide');
  const pinned = usePinnedBeside();
  if (!open) return null;
  const set = useViewStore.getState().set;
  const style = widthClass === 'wide' ? { width } : undefined;
  const following = (
    <aside className="inspector" aria-label="Inspector" tabIndex={-1} style={style}>
      {widthClass === 'wide' && (
        <Splitter
          label="Width of the inspector"
          between="columns"
          after
          size={width}
          min={MIN_WIDTH}
          max={MAX_WIDTH}
          reset={USUAL_WIDTH}
          onResize={(inspectorWidth) => set({ inspectorWidth })}
          onCollapse={() => set({ inspectorOpen: false })}
        />
      )}
      <Content beside={pinned !== undefined} />
    </aside>
  );
  if (pinned === undefined) return following;
  return (
    <div className="inspectors">
      {following}
      <PanelPinned value={true}>
        <aside className="inspector" aria-label="Pinned" tabIndex={-1} style={style}>
          <Selected selection={pinned} />
        </aside>
      </PanelPinned>
    </div>
  );
}

/** What is pinned, where there is room for it beside something else that is selected. */
function usePinnedBeside(): Selection | undefined {
  const broad = useBroad();
  const pinned = useViewStore((state) => state.inspectorPinned);
  const selection = useViewStore((state) => state.selection);
  const span = useSelectedSpan();
  return broad && (span !== undefined || !sameSelection(pinned, selection)) ? pinned : undefined;
}

/** The selected span of the open trace, in the view that shows it. */
function useSelectedSpan(): TraceSpan | undefined {
  const inTraces = useViewStore((state) => state.view === 'traces');
  const span = useTraceStore((state) =>
    state.selectedSpan === undefined ? undefined : state.open?.spans[state.selectedSpan],
  );
  return inTraces ? span : undefined;
}

/** Where it lies over the view, it opens by a selection and not by itself, and does not cover a view that has none. */
function useOpenOnlyByChoice(wide: boolean): void {
  const view = useViewStore((state) => state.view);
  useEffect(() => {
    const { selection, set } = useViewStore.getState();
    set({ inspectorOpen: wide || selection !== undefined });
  }, [wide]);
  useEffect(() => {
    const { selection, inspectorPinned, set } = useViewStore.getState();
    const spanSelected = view === 'traces' && useTraceStore.getState().selectedSpan !== undefined;
    if (!wide && !spanSelected && (inspectorPinned ?? selection) === undefined) set({ inspectorOpen: false });
  }, [wide, view]);
}

function Content({ beside }: { beside: boolean }) {
  const selection = useViewStore((state) => state.selection);
  const pinned = useViewStore((state) => (beside ? undefined : state.inspectorPinned));
  const leaving = useGroupStore((state) => state.leaving);
  const span = useSelectedSpan();
  if (leaving !== undefined) return <LeaveSheet groupId={leaving} />;
  if (span !== undefined && pinned === undefined) return <SpanDetails span={span} />;
  return (
    <PanelPinned value={pinned !== undefined}>
      <Selected selection={pinned ?? selection} />
    </PanelPinned>
  );
}

function Selected({ selection }: { selection: Selection | undefined }) {
  switch (selection?.kind) {
    case undefined:
      return <NetworkNow />;
    case 'agent':
      return <AgentDetails nodeId={selection.nodeId} />;
    case 'tunnel':
      return <TunnelDetails id={selection.id} />;
    case 'group':
      return <GroupDetails groupId={selection.groupId} />;
    case 'beacon':
      return <BeaconDetails id={selection.id} />;
    case 'status':
      return <StatusDetails topic={selection.topic} />;
    default:
      return selection satisfies never;
  }
}
