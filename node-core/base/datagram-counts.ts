import { Tally } from './tally.ts';

/** What a socket's owner and the network handed it, and what came of that. */
export class DatagramCounts {
  /** Datagrams to be sent, whether they left or not. */
  outgoing = 0;
  /** Datagrams that arrived, whether they were taken or not. */
  incoming = 0;
  /**
   * Those that did not leave or were not taken. Reasons are ours (`port 0`, `not an address`, `other family`, `queue full`,
   * `fault` for what taking one threw) or a code of the operating system.
   */
  readonly dropped = new Tally();
}
