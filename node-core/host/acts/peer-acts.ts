import type { GraphNames } from '../../mesh/graph-names.ts';
import type { PingResult, RunningNode } from '../../runtime/running-node.ts';
import type { ActRecorder } from './act-recorder.ts';

/** What an operator does to peers. Each act throws what the node or the registry says against it, as PilotError. */
export class PeerActs {
  readonly #node: Pick<RunningNode, 'ping' | 'trust'>;
  readonly #names: GraphNames;
  readonly #recorder: ActRecorder;

  constructor(node: Pick<RunningNode, 'ping' | 'trust'>, names: GraphNames, recorder: ActRecorder) {
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
}
