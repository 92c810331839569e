import { useSyncExternalStore } from 'react';

/** Width classes of the window: what changes at each is in the style sheets, and where DOM differs, here. */
export type WidthClass = 'narrow' | 'small' | 'wide';

const narrow = window.matchMedia('(max-width: 899.98px)');
const small = window.matchMedia('(max-width: 1279.98px)');

function subscribe(listener: () => void): () => void {
  narrow.addEventListener('change', listener);
  small.addEventListener('change', listener);
  return () => {
    narrow.removeEventListener('change', listener);
    small.removeEventListener('change', listener);
  };
}

export const currentWidth = (): WidthClass => (narrow.matches ? 'narrow' : small.matches ? 'small' : 'wide');

export const useWidth = (): WidthClass => useSyncExternalStore(subscribe, currentWidth);
