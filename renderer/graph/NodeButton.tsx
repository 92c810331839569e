import type { ReactNode } from 'react';
import { type Selection, useViewStore } from '../stores/view-store.ts';
import { domIdOf, setCursor } from './cursor.ts';

interface NodeButtonProps {
  /** The element's key in the drawing. */
  readonly elementKey: string;
  readonly selection: Selection;
  readonly selected: boolean;
  /** Whether Tab stops here: one element of the drawing has it, arrows move it. */
  readonly reachable: boolean;
  readonly label: string;
  readonly className: string;
  readonly children: ReactNode;
}

/** An element of the drawing as a button that selects it; React Flow handles the click. */
export function NodeButton({
  elementKey,
  selection,
  selected,
  reachable,
  label,
  className,
  children,
}: NodeButtonProps) {
  return (
    <div
      id={domIdOf(elementKey)}
      className={className}
      role="button"
      tabIndex={reachable ? 0 : -1}
      aria-label={label}
      aria-pressed={selected}
      onFocus={() => setCursor(elementKey)}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' && event.key !== ' ') return;
        event.preventDefault();
        useViewStore.getState().select(selection);
      }}
    >
      {children}
    </div>
  );
}
