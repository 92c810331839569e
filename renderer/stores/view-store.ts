import { create } from 'zustand';
import { persist } from 'zustand/middleware';
import { type Filter, NO_FILTER } from './filter.ts';

/** In the order of the rail and of Ctrl+1 to Ctrl+4. */
export const VIEWS = ['graph', 'traces', 'groups', 'log'] as const;
export type View = (typeof VIEWS)[number];
export type Theme = 'system' | 'dark' | 'light';

/** What the inspector shows. */
export type Selection =
  | { readonly kind: 'agent'; readonly nodeId: number }
  | { readonly kind: 'tunnel'; readonly id: string }
  | { readonly kind: 'group'; readonly groupId: number }
  | { readonly kind: 'beacon'; readonly id: string }
  | { readonly kind: 'status'; readonly topic: StatusTopic };
/** The parts of the status line that have an explanation. */
export type StatusTopic = 'registry' | 'beacons' | 'sources' | 'ledger' | 'store';

/** A place in the drawing, px from its origin, or from its group's corner for a member. */
export interface Point {
  readonly x: number;
  readonly y: number;
}
/** The neighbourhood that the graph is narrowed to: `hops` tunnels away from one agent. */
export interface Focus {
  readonly nodeId: number;
  readonly hops: 1 | 2 | 3;
}
/** A span of time that was chosen in the time band, Unix milliseconds. */
export interface TimeSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What survives a restart. */
interface Kept {
  readonly theme: Theme;
  readonly view: View;
  readonly inspectorOpen: boolean;
  readonly inspectorWidth: number;
  /** Height of the traces list above the waterfall, px. */
  readonly listHeight: number;
  /** Width of that list where it stands beside the waterfall, px. */
  readonly listWidth: number;
  readonly drawerOpen: boolean;
  readonly drawerHeight: number;
  readonly singleKeys: boolean;
  readonly colour: 'health' | 'path';
  /** Undefined: open where there is room. */
  readonly legendOpen: boolean | undefined;
  /** The operator's word on a group; without one, the rule decides. */
  readonly collapsed: Readonly<Record<string, boolean>>;
  /** Places that the operator dragged something to, by element key. */
  readonly pins: Readonly<Record<string, Point>>;
  /** Which slot of its group, or of the grid, an element has: positions stick. */
  readonly slots: Readonly<Record<string, number>>;
}

interface ViewState extends Kept {
  /** Undefined: decided by the width of the window. */
  readonly table: boolean | undefined;
  readonly pausedAt: number | undefined;
  readonly keptAtPause: number;
  readonly filter: Filter;
  readonly selection: Selection | undefined;
  readonly inspectorPinned: Selection | undefined;
  readonly focus: Focus | undefined;
  readonly span: TimeSpan | undefined;
  readonly paletteOpen: boolean;
  readonly keysOpen: boolean;
  set(change: Partial<Omit<ViewState, 'set' | 'select' | 'pin'>>): void;
  /** Opens the inspector on something; undefined goes back to "Network now". */
  select(selection: Selection | undefined): void;
  pin(key: string, at: Point | undefined): void;
}

const KEPT: Kept = {
  theme: 'system',
  view: 'graph',
  inspectorOpen: true,
  inspectorWidth: 360,
  listHeight: 230,
  listWidth: 640,
  drawerOpen: false,
  drawerHeight: 180,
  singleKeys: true,
  colour: 'health',
  legendOpen: undefined,
  collapsed: {},
  pins: {},
  slots: {},
};

/** How the operator has the window: what is in `Kept` is stored in the browser and survives a restart. */
export const useViewStore = create<ViewState>()(
  persist(
    (set) => ({
      ...KEPT,
      table: undefined,
      pausedAt: undefined,
      keptAtPause: 0,
      filter: NO_FILTER,
      selection: undefined,
      inspectorPinned: undefined,
      focus: undefined,
      span: undefined,
      paletteOpen: false,
      keysOpen: false,
      set: (change) => set(change),
      select: (selection) => set(selection === undefined ? { selection } : { selection, inspectorOpen: true }),
      pin: (key, at) =>
        set(({ pins }) => {
          const next = { ...pins };
          if (at === undefined) delete next[key];
          else next[key] = at;
          return { pins: next };
        }),
    }),
    {
      name: 'flightdeck.view',
      version: 1,
      partialize: (state): Kept => ({
        theme: state.theme,
        view: state.view,
        inspectorOpen: state.inspectorOpen,
        inspectorWidth: state.inspectorWidth,
        listHeight: state.listHeight,
        listWidth: state.listWidth,
        drawerOpen: state.drawerOpen,
        drawerHeight: state.drawerHeight,
        singleKeys: state.singleKeys,
        colour: state.colour,
        legendOpen: state.legendOpen,
        collapsed: state.collapsed,
        pins: state.pins,
        slots: state.slots,
      }),
    },
  ),
);

/** Whether two selections are the same thing. */
export function sameSelection(a: Selection | undefined, b: Selection | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
