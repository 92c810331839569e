import { ByteBudget, type HeldBytes } from '../base/byte-budget.ts';
import type { StreamConfig } from './stream-config.ts';

type Limits = Pick<StreamConfig, 'receiveBytesPerPeer' | 'receiveBytesInAll'>;

/**
 * What received bytes one stream holds of its peer's share. What waits behind holes is counted apart from what is in order:
 * it can only go when a hole is filled, and for that there must be room.
 */
export interface ReceiveShare {
  readonly queued: HeldBytes;
  readonly early: HeldBytes;
}

/** The memory for received bytes of all streams, shared out by peer, whatever ports and groups a peer uses. */
export class ReceiveShares {
  readonly #queued: ByteBudget;
  readonly #early: ByteBudget;

  constructor({ receiveBytesInAll, receiveBytesPerPeer }: Limits) {
    this.#queued = new ByteBudget(receiveBytesInAll, receiveBytesPerPeer);
    this.#early = new ByteBudget(receiveBytesInAll, receiveBytesPerPeer);
  }

  open(peerNodeId: number): ReceiveShare {
    const source = String(peerNodeId);
    return { queued: this.#queued.open(source), early: this.#early.open(source) };
  }
}
