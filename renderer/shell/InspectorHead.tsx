import { Copy, Pin, X } from 'lucide-react';
import { createContext, type ReactNode, useContext } from 'react';
import { copyText } from '../client/acts.ts';
import { useViewStore } from '../stores/view-store.ts';
import { useWidth } from '../ui/use-width.ts';
import { closeInspector } from './close-inspector.ts';

/** Whether the panel around shows what is pinned. */
export const PanelPinned = createContext(false);

interface HeadProps {
  /** "Tunnel", "Agent, this node". */
  readonly kind?: string;
  readonly title: ReactNode;
  /** The verdict, before any figure. */
  readonly sentence: ReactNode;
  readonly copy?: { readonly text: string; readonly what: string };
  readonly pinnable?: boolean;
}

/** Kind, name and verdict, with what can be done with the panel itself. */
export function InspectorHead({ kind, title, sentence, copy, pinnable }: HeadProps) {
  const wide = useWidth() === 'wide';
  const home = kind === undefined;
  const pinned = useContext(PanelPinned);
  return (
    <header className="inspector-head">
      {!(home && wide) && (
        <div className="inspector-tools">
          <span className="t3">{kind}</span>
          <span className="spring" />
          {pinnable === true && <PinButton />}
          {copy !== undefined && (
            <button
              type="button"
              className="icon-button"
              aria-label={`Copy ${copy.what}`}
              onClick={() => void copyText(copy.text, copy.what)}
            >
              <Copy size={14} />
            </button>
          )}
          <button type="button" className="icon-button" aria-label="Close" onClick={pinned ? unpin : closeInspector}>
            <X size={14} />
          </button>
        </div>
      )}
      <h2>{title}</h2>
      <p className="verdict">{sentence}</p>
    </header>
  );
}

function unpin(): void {
  useViewStore.getState().set({ inspectorPinned: undefined });
}

function pinSelection(): void {
  const { selection, set } = useViewStore.getState();
  set({ inspectorPinned: selection });
}

function PinButton() {
  const pinned = useContext(PanelPinned);
  return (
    <button
      type="button"
      className="icon-button"
      aria-label="Keep this open"
      aria-pressed={pinned}
      onClick={pinned ? unpin : pinSelection}
    >
      <Pin size={14} />
    </button>
  );
}

/** Shown in place of something that has left the graph since it was selected. */
export function Gone({ kind, name }: { kind: string; name: string }) {
  return (
    <InspectorHead
      kind={kind}
      title={name}
      sentence="It is no longer in the graph. Its traces and log lines are kept."
    />
  );
}
