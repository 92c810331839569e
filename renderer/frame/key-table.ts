import type { View } from '../stores/view-store.ts';

/** The keys that `?` lists, by view. */
export const KEYS_EVERYWHERE: readonly (readonly [key: string, what: string])[] = [
  ['Ctrl+K', 'Command palette'],
  ['/', 'Filter everything'],
  ['Ctrl+1 to 4', 'Views'],
  ['F6, Shift+F6', 'Next, last region'],
  ['Space', 'Pause or go on'],
  ['Shift+Space', 'Back to Live'],
  ['Ctrl+\\', 'Inspector'],
  ['Ctrl+J', 'Events under the time band'],
  ['Y, Shift+Y', 'Copy name, address'],
  ['Esc', 'Out one level'],
  ['?', 'Keys of this view'],
];

export const KEYS_OF_VIEW: Readonly<Record<View, readonly (readonly [key: string, what: string])[]>> = {
  graph: [
    ['Arrows', 'Nearest in that direction'],
    ['Enter', 'Inspect'],
    ['F', 'Focus on, 1 hop'],
    ['1, 2, 3', 'Hops of the focus'],
    ['+, −, 0', 'Zoom in, out, fit'],
    ['O', 'Open or close the group'],
    ['T', 'Table'],
    ['P', 'Pin or free the place'],
    ['B', 'Along the tunnel to its beacon'],
    ['X', 'Next that needs attention'],
  ],
  traces: [
    ['J, K', 'Next, last row'],
    ['Enter', 'Span details'],
    ['H, L', 'Fold, unfold'],
    ['W, S', 'Zoom in, out'],
    ['A, D', 'Earlier, later'],
    ['F', 'Fit the selected span'],
    ['., ,', 'Next, last visible span'],
    ['E, Shift+E', 'Next, last error'],
    ['C', 'Critical path only'],
    ['R', 'Raw or moved times'],
    ['[, ]', 'Fold or unfold all'],
    ['O, P', 'Unfold or fold one level'],
    ['M', 'Mark for export'],
  ],
  groups: [
    ['J, K', 'Next, last group'],
    ['Enter', 'Open'],
  ],
  log: [['End', 'Go to the end']],
};
