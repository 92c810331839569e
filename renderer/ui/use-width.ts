import { useSyncExternalStore } from 'react';

/** Width classes of the window: what changes at each is in the style sheets, and where DOM differs, here. */
export type WidthClass = 'narrow' | 'small' | 'wide';

const narrow = window.matchMedia('(max-width: 899.98px)');
const small = window.matchMedia('(max-width: 1279.98px)');
const broad = window.matchMedia('(min-width: 1920px)');

function subscribe(listener: () => void): () => void {
  for (const query of [narrow, small, broad]) query.addEventListener('change', listener);
  return () => {
    for (const query of [narrow, small, broad]) query.removeEventListener('change', listener);
  };
}

/** The class now, outside of drawing. */
export const currentWidth = (): WidthClass => (narrow.matches ? 'narrow' : small.matches ? 'small' : 'wide');

/** The class, followed as the window changes. */
export const useWidth = (): WidthClass => useSyncExternalStore(subscribe, currentWidth);

/** A wide window with room for things side by side that else lie one over another. */
export const useBroad = (): boolean => useSyncExternalStore(subscribe, () => broad.matches);
