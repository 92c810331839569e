import { PilotError } from '../base/errors.ts';
import type { GroupPingProgress } from '../contract/group.ts';
import type { Deck } from './deck.ts';

type Result = GroupPingProgress['results'][number];

const TIMEOUT_MS = 5_000;
const AT_ONCE = 8;
const NEWS_MS = 100;

/** Pings every member but this node, a few at a time, and tells how far it came. Leaving the iterator cancels the rest. */
export async function* pingGroup(
  deck: Deck,
  groupId: number,
  signal: AbortSignal,
): AsyncGenerator<GroupPingProgress, void, undefined> {
  const members = deck.membersOf(groupId);
  if (members === undefined) throw new PilotError('group.unknown', `there is no group ${groupId} here`);
  const results = new Map<number, Result>(
    members.map(({ nodeId, hostname }) => [nodeId, { nodeId, hostname, state: 'waiting' }]),
  );
  const waiting = members.map(({ nodeId }) => nodeId);
  let cancelled = false;
  const worker = async () => {
    for (let nodeId = waiting.shift(); nodeId !== undefined && !cancelled; nodeId = waiting.shift()) {
      const known = results.get(nodeId);
      if (known !== undefined) results.set(nodeId, { ...known, ...(await ping(deck, nodeId)) });
    }
  };
  const all = Promise.all(Array.from({ length: AT_ONCE }, worker));
  deck.log.add({
    level: 'info',
    kind: 'group.ping',
    text: `Ping all ${members.length} members of ${deck.groupName(groupId)}`,
    source: 'this node',
    actor: 'operator',
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

async function ping(deck: Deck, nodeId: number): Promise<Pick<Result, 'state' | 'rttMs' | 'path' | 'error'>> {
  try {
    const { rttMs, path } = await deck.node.ping(nodeId, TIMEOUT_MS);
    return { state: 'answered', rttMs, path };
  } catch (error) {
    if (!(error instanceof PilotError)) throw error;
    return { state: error.code === 'peer.silent' ? 'silent' : 'failed', error: error.code };
  }
}
