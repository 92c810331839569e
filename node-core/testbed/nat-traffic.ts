import { BoundedMap } from '../base/bounded-map.ts';
/** What crossed a NAT towards and from one remote endpoint, in datagrams and bytes; `refused` came and was not let in. */
export interface NatCrossing {
  outgoing: number;
  incoming: number;
  refused: number;
  outgoingBytes: number;
  incomingBytes: number;
}

const MAX_REMOTES = 1_024;

function nothing(): NatCrossing {
  return { outgoing: 0, incoming: 0, refused: 0, outgoingBytes: 0, incomingBytes: 0 };
}

/** Counts what crosses, in all and per remote endpoint; of too many remotes the longest silent is forgotten. */
export class NatTraffic {
  readonly total = nothing();
  readonly #remotes = new BoundedMap<string, NatCrossing>(MAX_REMOTES);

  get remotes(): ReadonlyMap<string, Readonly<NatCrossing>> {
    return this.#remotes;
  }

  countOutgoing(remote: string, bytes: number): void {
    for (const crossing of [this.total, this.#of(remote)]) {
      crossing.outgoing += 1;
      crossing.outgoingBytes += bytes;
    }
  }

  countIncoming(remote: string, bytes: number): void {
    for (const crossing of [this.total, this.#of(remote)]) {
      crossing.incoming += 1;
      crossing.incomingBytes += bytes;
    }
  }

  countRefused(remote: string): void {
    for (const crossing of [this.total, this.#of(remote)]) crossing.refused += 1;
  }

  #of(remote: string): NatCrossing {
    const crossing = this.#remotes.get(remote) ?? nothing();
    this.#remotes.set(remote, crossing);
    return crossing;
  }
}
