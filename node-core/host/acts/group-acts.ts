import { PilotError } from '../../base/errors.ts';
import type { GroupPingProgress } from '../../contract/group.ts';
import type { GraphNames } from '../../mesh/graph-names.ts';
import type { RunningNode } from '../../runtime/running-node.ts';
import type { ActRecorder } from './act-recorder.ts';

type PingState = GroupPingProgress['results'][number];

const TIMEOUT_MS = 5_000;
const AT_ONCE = 8;
const NEWS_MS = 100;

export interface GroupActsOptions {
  readonly node: Pick<RunningNode, 'nodeId' | 'join' | 'leave' | 'ping'>;
  readonly names: GraphNames;
  readonly recorder: ActRecorder;
  /** Reads the directory again, so that a membership that changed is seen at once. */
  readonly refresh: () => Promise<void>;
}

/** What an operator does with groups. Each act throws what the registry says against it, as PilotError. */
export class GroupActs {
  readonly #options: GroupActsOptions;

  constructor(options: GroupActsOptions) {
    this.#options = options;
  }

  async join(groupId: number, token: string): Promise<void> {
    const { node, names, recorder, refresh } = this.#options;
    const act = { kind: 'group.join', text: `Join ${names.group(groupId)}`, groupId };
    await recorder.record(act, () => node.join(groupId, token));
    await refresh();
  }

  async leave(groupId: number): Promise<void> {
    const { node, names, recorder, refresh } = this.#options;
    const act = { kind: 'group.leave', text: `Leave ${names.group(groupId)}`, groupId };
    await recorder.record(act, () => node.leave(groupId));
    await refresh();
  }

  /**
   * Pings every member but this node, a few at a time, and tells how far it came. Leaving the iterator cancels the rest.
   *
   * @throws PilotError `group.unknown`
   */
  async *pingAll(groupId: number, signal: AbortSignal): AsyncGenerator<GroupPingProgress, void, undefined> {
    const { node, names, recorder } = this.#options;
    const members = names.membersOf(groupId)?.filter(({ nodeId }) => nodeId !== node.nodeId);
    if (members === undefined) throw new PilotError('group.unknown', `there is no group ${groupId} here`);
    const results = new Map<number, PingState>(
      members.map((member) => [member.nodeId, { ...member, state: 'waiting' }]),
    );
    const waiting = members.map(({ nodeId }) => nodeId);
    let cancelled = false;
    const worker = async () => {
      for (let nodeId = waiting.shift(); nodeId !== undefined && !cancelled; nodeId = waiting.shift()) {
        const known = results.get(nodeId);
        if (known !== undefined) results.set(nodeId, { ...known, ...(await this.#ping(nodeId)) });
      }
    };
    const all = Promise.all(Array.from({ length: AT_ONCE }, worker));
    recorder.note({
      kind: 'group.ping',
      text: `Ping all ${members.length} members of ${names.group(groupId)}`,
      groupId,
    });
    try {
      for (;;) {
        const done = [...results.values()].filter(({ state }) => state !== 'waiting').length;
        yield { total: results.size, done, results: [...results.values()] };
        if (done === results.size || signal.aborted) return;
        await Promise.race([all, new Promise((resolve) => setTimeout(resolve, NEWS_MS))]);
      }
    } finally {
      cancelled = true;
    }
  }

  async #ping(nodeId: number): Promise<Pick<PingState, 'state' | 'rttMs' | 'path' | 'error'>> {
    try {
      const { rttMs, path } = await this.#options.node.ping(nodeId, TIMEOUT_MS);
      return { state: 'answered', rttMs, path };
    } catch (error) {
      if (!(error instanceof PilotError)) throw error;
      return { state: error.code === 'peer.silent' ? 'silent' : 'failed', error: error.code };
    }
  }
}
