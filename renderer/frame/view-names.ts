import type { View } from '../stores/view-store.ts';

/** The views as the rail, the palette and the landmarks call them. */
export const VIEW_NAMES: Readonly<Record<View, string>> = {
  graph: 'Graph',
  traces: 'Traces',
  groups: 'Groups',
  log: 'Log',
};
