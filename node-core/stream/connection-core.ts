import type { Instant } from '../base/clock.ts';
import { sequenceAdd } from '../wire/sequence.ts';
import { Closing } from './closing.ts';
import type { CloseReason, StreamRole } from './connection-event.ts';
import type { ConnectionHost, ConnectionOptions, StreamState } from './connection-state.ts';
import { Liveness } from './liveness.ts';
import { Opening } from './opening.ts';
import type { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';
import type { StreamConfig } from './stream-config.ts';
import { StreamPackets } from './stream-packets.ts';

/** What the pieces of one stream share: its state, its two halves, and the ways to its end. */
export class ConnectionCore {
  readonly role: StreamRole;
  readonly config: StreamConfig;
  readonly host: ConnectionHost;
  readonly packets: StreamPackets;
  readonly opening: Opening;
  readonly closing: Closing;
  readonly sender: Sender;
  readonly liveness: Liveness;
  state: StreamState;
  /** Undefined until the peer's first sequence is known. */
  receiver: Receiver | undefined;
  /** The application was told that the send buffer is full. */
  wantsWritable = false;

  constructor(role: StreamRole, options: ConnectionOptions, now: Instant) {
    const { config, initialSequence } = options;
    this.role = role;
    this.config = config;
    this.host = options.host;
    this.packets = new StreamPackets(options);
    this.opening = new Opening(role, initialSequence, config, now);
    this.closing = new Closing(config);
    this.sender = new Sender(config, sequenceAdd(initialSequence, 1));
    this.liveness = new Liveness(config, now.monotonicMs);
    this.state = this.opening.begun(now.monotonicMs);
  }

  get isOver(): boolean {
    return this.state.phase === 'time-wait' || this.state.phase === 'closed';
  }

  get mayWrite(): boolean {
    return 'closing' in this.state && !this.state.closing;
  }

  /** Goes on to a state, with what its beginning asks for. */
  enter(state: StreamState): void {
    const before = this.state.phase;
    this.state = state;
    if (state.phase === before) return;
    if (state.phase === 'fin-wait') this.sender.clear();
    if (state.phase === 'time-wait') this.#over('fin');
  }

  /** Ends the stream at once for a reason of this side. */
  end(reason: CloseReason, options: { readonly tellPeer: boolean }): void {
    if (this.isOver) return;
    this.state = { phase: 'closed', reason, resetOwed: options.tellPeer };
    this.#over(reason);
    this.host.touched();
  }

  #over(reason: CloseReason): void {
    this.sender.clear();
    this.liveness.proven();
    this.host.emit({ type: 'closed', reason });
  }
}
