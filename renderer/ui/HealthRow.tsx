import type { ReactNode } from 'react';
import type { HealthState } from '../../node-core/contract/shapes.ts';
import { HealthGlyph } from './HealthGlyph.tsx';

interface HealthRowProps {
  readonly state: HealthState;
  readonly figure: string;
  /** What a reader hears, where the words in the row are not enough. */
  readonly label?: string;
  readonly onSelect: () => void;
  readonly children: ReactNode;
}

/** A row of a list in the inspector that selects what it is about: how that is, its name, and one figure at the right. */
export function HealthRow({ state, figure, label, onSelect, children }: HealthRowProps) {
  return (
    <li>
      <button type="button" aria-label={label} onClick={onSelect}>
        <HealthGlyph state={state} />
        {children}
        <span className="row-figure">{figure}</span>
      </button>
    </li>
  );
}
