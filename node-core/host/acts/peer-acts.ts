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

  /** Reports to the registry that this node trusts the peers. */
  async trust(nodeIds: readonly number[]): Promise<void> {
    const [first] = nodeIds;
    const only = nodeIds.length === 1 ? first : undefined;
    const whom = only === undefined ? `${nodeIds.length} agents` : this.#names.agent(only);
    const about = only === undefined ? {} : { nodeId: only };
    await this.#recorder.record({ kind: 'peer.trust', text: `Trust ${whom}`, ...about }, () =>
      Promise.all(nodeIds.map((nodeId) => this.#node.trust(nodeId))),
    );
  }

  /** Trusts a peer whose key changed, under the key that the operator was shown. */
  async trustAgain(nodeId: number, publicKey: string): Promise<void> {
    const text = `Trust ${this.#names.agent(nodeId)} again, under the key ${publicKey.slice(0, 8)}…`;
    await this.#recorder.record({ kind: 'peer.trust', text, nodeId }, () =>
      this.#node.trust(nodeId, fromHex(publicKey)),
    );
  }

  async untrust(nodeId: number): Promise<void> {
    const text = `Take back the trust in ${this.#names.agent(nodeId)}`;
    await this.#recorder.record({ kind: 'peer.untrust', text, nodeId }, () => this.#node.untrust(nodeId));
  }
}
