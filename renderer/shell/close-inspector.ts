import { useTraceStore } from '../stores/trace-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { currentWidth } from '../ui/use-width.ts';

/** Back to "Network now"; where the inspector lies over the view, away with it. */
export function closeInspector(): void {
  useTraceStore.getState().set({ selectedSpan: undefined });
  useViewStore.getState().set({
    inspectorPinned: undefined,
    selection: undefined,
    ...(currentWidth() === 'wide' ? {} : { inspectorOpen: false }),
  });
}
