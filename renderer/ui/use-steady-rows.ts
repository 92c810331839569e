import { useMemo, useState } from 'react';
import { type SteadyRows, steadyRows } from './steady-rows.ts';

interface Holding {
  onPointerOver(): void;
  onPointerDown(): void;
  onPointerLeave(): void;
}

interface Steady<T> extends SteadyRows<T> {
  /** For the element on which a pointer holds the rows in their places. */
  readonly holding: Holding;
  /** Shows the rows as they are now. */
  catchUp(): void;
}

/** What holds the rows of an element in their places while a pointer is on it. */
export function holdingUnderPointer(hold: () => void, release: () => void): Holding {
  return { onPointerOver: hold, onPointerDown: hold, onPointerLeave: release };
}

/**
 * Rows that do not move under the pointer: while it is on them, new ones wait.
 *
 * @param question - What the rows answer; with another one they are other rows, and nothing is held back.
 */
export function useSteadyRows<T>(latest: readonly T[], keyOf: (row: T) => string, question: string): Steady<T> {
  const [held, setHeld] = useState<{ readonly rows: readonly T[]; readonly question: string }>();
  const shown = held?.question === question && held.rows.length > 0 ? held.rows : undefined;
  const steady = useMemo(
    () => (shown === undefined ? { rows: latest, waiting: 0 } : steadyRows(shown, latest, keyOf)),
    [shown, latest, keyOf],
  );
  const catchUp = () => setHeld({ rows: latest, question });
  const hold = () => {
    if (shown === undefined) catchUp();
  };
  return { ...steady, holding: holdingUnderPointer(hold, () => setHeld(undefined)), catchUp };
}
