import { create } from 'zustand';
import type { DeckStatus, LedgerStage } from '../../node-core/contract/status.ts';

/** `lost`: it ended and is awaited again. `stopped`: it ended too often and waits for the operator. */
export type LinkState = 'connecting' | 'open' | 'lost' | 'stopped';

/** A line in the status bar: what was done or failed, with one thing to do about it. */
export interface Notice {
  readonly text: string;
  readonly failed: boolean;
  readonly action?: { readonly label: string; run(): void };
}

interface StatusState {
  readonly link: LinkState;
  readonly linkSince: number;
  readonly status: DeckStatus | undefined;
  /** When the last status arrived here, Unix milliseconds. */
  readonly heardAt: number;
  readonly notice: Notice | undefined;
  setLink(link: LinkState, since: number): void;
  setStatus(status: DeckStatus): void;
  setNotice(notice: Notice | undefined): void;
}

/** The connection to the engine, what the engine says of itself, and the one line about the last act. */
export const useStatusStore = create<StatusState>()((set) => ({
  link: 'connecting',
  linkSince: Date.now(),
  status: undefined,
  heardAt: 0,
  notice: undefined,
  setLink: (link, since) => set((state) => (state.link === link ? state : { link, linkSince: since })),
  setStatus: (status) => set({ status, heardAt: Date.now() }),
  setNotice: (notice) => set({ notice }),
}));

/** Whether the picture may be taken for the present. */
export const isConnected = (state: Pick<StatusState, 'link'>): boolean => state.link === 'open';

/** Spans that the collector has kept since it started, by the host's own ledger. */
export function keptSpans(status: DeckStatus | undefined): number {
  return status?.ledger.find((stage) => stage.stage === 'ingest')?.kept ?? 0;
}

const SPAN_STAGES: ReadonlySet<LedgerStage['stage']> = new Set(['node', 'ingest', 'store', 'view']);

/** Whether what a stage of the ledger drops is spans of this deck. */
export function losesSpans(stage: LedgerStage['stage']): boolean {
  return SPAN_STAGES.has(stage);
}

/**
 * What the status line says of losses: the spans that reached the collector, and those lost from there on and in this
 * node. The other stages count no spans, or not only spans: they stand in the ledger only.
 */
export function ledgerTotals(status: DeckStatus): { received: number; kept: number; lost: number } {
  const received = status.ledger.find((stage) => stage.stage === 'ingest')?.received ?? 0;
  const spans = status.ledger.filter(({ stage }) => losesSpans(stage));
  const lost = spans.reduce((sum, stage) => sum + stage.dropped, 0);
  return { received, kept: keptSpans(status), lost };
}
