import type { Instant } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { refusalCodeOf } from '../wire/registry-refusal.ts';
import type { Answer, RegistryCaller } from './registry-call.ts';
import type { Memberships } from './registry-profile.ts';

/** Which groups this node wants to be a member of. The registry is asked now, and again by the client when it forgot. */
export class Groups {
  readonly #call: RegistryCaller;
  readonly #nodeId: () => number;
  readonly #memberships: Map<number, string>;

  constructor(call: RegistryCaller, nodeId: () => number, memberships: Memberships) {
    this.#call = call;
    this.#nodeId = nodeId;
    this.#memberships = new Map(memberships);
  }

  get memberships(): Memberships {
    return this.#memberships;
  }

  /** Being a member already is as good as joining. */
  join(networkId: number, token: string, answer: (failure: PilotError | undefined) => void, now: Instant): void {
    const settled: Answer<'join_network'> = (result) => {
      const failure = result instanceof PilotError && refusalCodeOf(result) !== 'already-member' ? result : undefined;
      if (failure === undefined) this.#memberships.set(networkId, token);
      answer(failure);
    };
    this.#call('join_network', { nodeId: this.#nodeId(), networkId, inviterId: 0, token }, settled, now);
  }

  leave(networkId: number, answer: (failure: PilotError | undefined) => void, now: Instant): void {
    const settled: Answer<'leave_network'> = (result) => {
      const failure = result instanceof PilotError ? result : undefined;
      if (failure === undefined) this.#memberships.delete(networkId);
      answer(failure);
    };
    this.#call('leave_network', { nodeId: this.#nodeId(), networkId }, settled, now);
  }
}
