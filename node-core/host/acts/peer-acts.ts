import { fromHex } from '../../base/bytes.ts';
import type { GraphNames } from '../../mesh/graph-names.ts';
import type { PingResult, RunningNode } from '../../runtime/running-node.ts';
import type { ActRecorder } from './act-recorder.ts';

type PeerNode = Pick<RunningNode, 'ping' | 'trust' | 'untrust'>;

/** What an operator does to peers. Each act throws what the node or the registry says against it, as PilotError. */
export class PeerActs {
  readonly #node: PeerNode;
  readonly #names: GraphNames;
  readonly #recorder: ActRecorder;

  constructor(node: PeerNode, names: GraphNames, recorder: ActRecorder) {
    this.#node = node;
    this.#names = names;
    this.#recorder = recorder;
  }

  ping(nodeId: number, timeoutMs: number): Promise<PingResult> {
    return this.#recorder.record(
      { kind: 'peer.ping', text: `Ping ${this.#names.agent(nodeId)}`, nodeId },
      () => this.#node.ping(nodeId, timeoutMs),
      ({ rttMs, path }) => `: ${rttMs.toFixed(2)} ms, ${path}`,
    );
  }

  /** Trusts peers, each under the key that is given with it, or that it is known by. */
  async trust(peers: readonly { readonly nodeId: number; readonly publicKey?: string | undefined }[]): Promise<void> {
    const [only, second] = peers;
    const one = second === undefined ? only : undefined;
    const whom = one === undefined ? `${peers.length} agents` : this.#names.agent(one.nodeId);
    const key = one?.publicKey === undefined ? '' : ` under the key ${one.publicKey.slice(0, 8)}…`;
    const about = one === undefined ? {} : { nodeId: one.nodeId };
    await this.#recorder.record({ kind: 'peer.trust', text: `Trust ${whom}${key}`, ...about }, () =>
      Promise.all(
        peers.map(({ nodeId, publicKey }) =>
          this.#node.trust(nodeId, publicKey === undefined ? undefined : fromHex(publicKey)),
        ),
      ),
    );
  }

  async untrust(nodeId: number): Promise<void> {
    const text = `Take back the trust in ${this.#names.agent(nodeId)}`;
    await this.#recorder.record({ kind: 'peer.untrust', text, nodeId }, () => this.#node.untrust(nodeId));
  }
}
