import { create } from 'zustand';
import type { GroupPingProgress } from '../../node-core/contract/group.ts';

/** One run of "Ping all" over a group. A stopped run keeps what it measured. */
export interface GroupPing {
  readonly state: 'running' | 'finished' | 'stopped' | 'failed';
  readonly startedAt: number;
  readonly progress: GroupPingProgress | undefined;
  readonly error?: string;
}

interface GroupState {
  readonly openGroup: number | undefined;
  readonly pings: Readonly<Record<number, GroupPing>>;
  /** The group whose consequences the inspector shows before it is left. */
  readonly leaving: number | undefined;
  open(groupId: number | undefined): void;
  setPing(groupId: number, ping: GroupPing): void;
  setLeaving(groupId: number | undefined): void;
}

/** Which group is open, is pinged or is about to be left. */
export const useGroupStore = create<GroupState>()((set) => ({
  openGroup: undefined,
  pings: {},
  leaving: undefined,
  open: (openGroup) => set({ openGroup }),
  setPing: (groupId, ping) => set((state) => ({ pings: { ...state.pings, [groupId]: ping } })),
  setLeaving: (leaving) => set({ leaving }),
}));
