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

/** A titled part of the inspector; `figure` stands at the title's right. */
export function Section({ title, figure, children }: { title: string; figure?: ReactNode; children: ReactNode }) {
  return (
    <section className="inspector-section">
      <h3>
        {title}
        {figure !== undefined && (
          <>
            <span className="spring" />
            <span className="section-figure">{figure}</span>
          </>
        )}
      </h3>
      {children}
    </section>
  );
}

/** Named facts, one a row. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The acts on what is shown; they stay in sight. */
export function Acts({ children }: { children: ReactNode }) {
  return <footer className="inspector-acts">{children}</footer>;
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
