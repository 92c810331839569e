import { ORPCError } from '@orpc/client';
import { agentName } from '../format/agent-name.ts';
import { formatDuration } from '../format/duration.ts';
import { copyableText, formatSafeText } from '../format/safe-text.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useGroupStore } from '../stores/group-store.ts';
import { type Notice, useStatusStore } from '../stores/status-store.ts';
import { ask, deckClient, NotConnected } from './deck.ts';

/** Why an act failed, in words that fit after "… was not …:". */
const REASONS: Readonly<Record<string, string>> = {
  'peer.silent': 'it is silent on every path',
  'peer.unknown': 'no such agent is known',
  'dial.timeout': 'it did not answer in time',
  'dial.refused': 'it refused',
  'registry.unavailable': 'the registry does not answer',
  'registry.refused': 'the registry refused it',
  'group.unknown': 'the registry knows no such group',
  'trace.not-found': 'the store has no such trace',
  'query.invalid': 'the store does not understand the query',
  'store.unavailable': 'the store does not answer',
};

const NOTICE_MS = 6_000;
const UNDO_MS = 8_000;
const NOTICE_LENGTH = 400;
let noticeTimer: ReturnType<typeof setTimeout> | undefined;

/** The reason of a failed call with its code in brackets: "the registry refused it (registry.refused)". */
export function reasonOf(error: unknown): string {
  if (error instanceof ORPCError) return `${REASONS[error.code] ?? 'it failed'} (${error.code})`;
  return error instanceof NotConnected ? 'the engine is not connected' : 'the connection to the engine broke';
}

/** Shows one line in the status bar, whatever names are in it: 6 s, or 8 s where it can be undone. */
export function tell(notice: Notice): void {
  clearTimeout(noticeTimer);
  useStatusStore.getState().setNotice({ ...notice, text: formatSafeText(notice.text, NOTICE_LENGTH) });
  const shown = notice.action?.label === 'Undo' ? UNDO_MS : NOTICE_MS;
  noticeTimer = setTimeout(() => useStatusStore.getState().setNotice(undefined), shown);
}

const done = (text: string, action?: Notice['action']): void =>
  tell({ text, failed: false, ...(action === undefined ? {} : { action }) });
const failed = (text: string, again: () => void): void =>
  tell({ text, failed: true, action: { label: 'Try again', run: again } });

const nameOf = (nodeId: number): string => agentName(nodeId, useGraphStore.getState().agents);
const groupName = (groupId: number): string => useGraphStore.getState().groups.get(groupId)?.name ?? String(groupId);

/** Pings an agent and says how it went in the status line. */
export async function pingAgent(nodeId: number): Promise<void> {
  const name = nameOf(nodeId);
  const [error, result] = await ask((deck) => deck.peer.ping({ nodeId }));
  if (error !== null)
    return failed(`${name} did not answer the ping: ${reasonOf(error)}.`, () => void pingAgent(nodeId));
  done(`${name} answered in ${formatDuration(result.rttMs)}, ${result.path}.`);
}

/** Trusts a peer under the key that it has now, in place of the one it was trusted under. */
export async function trustAgain(nodeId: number, publicKey: string): Promise<void> {
  const name = nameOf(nodeId);
  const [error] = await ask((deck) => deck.peer.trust({ peers: [{ nodeId, publicKey }] }));
  if (error !== null)
    return failed(`${name} was not trusted again: ${reasonOf(error)}.`, () => void trustAgain(nodeId, publicKey));
  done(`${name} is trusted under its new key.`);
}

export async function removeTrust(nodeId: number): Promise<void> {
  const name = nameOf(nodeId);
  const [error] = await ask((deck) => deck.peer.untrust({ nodeId }));
  if (error !== null)
    return failed(`The trust in ${name} was not removed: ${reasonOf(error)}.`, () => void removeTrust(nodeId));
  done(`${name} is not trusted any more.`);
}

/** Joins at once; the status line offers to undo it. */
export async function joinGroup(groupId: number, token?: string): Promise<void> {
  const name = groupName(groupId);
  const input = { groupId, ...(token === undefined || token === '' ? {} : { token }) };
  const [error] = await ask((deck) => deck.group.join(input));
  if (error !== null)
    return failed(`${name} was not joined: ${reasonOf(error)}.`, () => void joinGroup(groupId, token));
  done(`Joined ${name}.`, { label: 'Undo', run: () => void leaveGroup(groupId) });
}

/** Leaves a group and says so; closes the sheet that asked for it. */
export async function leaveGroup(groupId: number): Promise<void> {
  const name = groupName(groupId);
  const [error] = await ask((deck) => deck.group.leave({ groupId }));
  if (error !== null) return failed(`${name} was not left: ${reasonOf(error)}.`, () => void leaveGroup(groupId));
  useGroupStore.getState().setLeaving(undefined);
  done(`Left ${name}.`);
}

const pings = new Map<number, AbortController>();

/** Pings every member, with progress in the group store; `stopGroupPing` keeps what was measured. */
export async function pingGroup(groupId: number): Promise<void> {
  stopGroupPing(groupId);
  const controller = new AbortController();
  pings.set(groupId, controller);
  const { setPing } = useGroupStore.getState();
  const startedAt = Date.now();
  const current = () => useGroupStore.getState().pings[groupId]?.progress;
  setPing(groupId, { state: 'running', startedAt, progress: undefined });
  try {
    const feed = await deckClient().group.pingAll({ groupId }, { signal: controller.signal });
    for await (const progress of feed) {
      if (controller.signal.aborted) return;
      setPing(groupId, { state: 'running', startedAt, progress });
    }
    if (!controller.signal.aborted) setPing(groupId, { state: 'finished', startedAt, progress: current() });
  } catch (error) {
    if (controller.signal.aborted) return;
    setPing(groupId, { state: 'failed', startedAt, progress: current(), error: reasonOf(error) });
  } finally {
    if (pings.get(groupId) === controller) pings.delete(groupId);
  }
}

/** Ends a run over a group, if there is one; what it measured stays. */
export function stopGroupPing(groupId: number): void {
  const controller = pings.get(groupId);
  if (controller === undefined) return;
  controller.abort();
  pings.delete(groupId);
  const { pings: runs, setPing } = useGroupStore.getState();
  const run = runs[groupId];
  if (run !== undefined) setPing(groupId, { ...run, state: 'stopped' });
}

/** Copies text as one line without hidden characters, and says so. */
export async function copyText(text: string, what: string): Promise<void> {
  const copyable = copyableText(text);
  try {
    await navigator.clipboard.writeText(copyable.text);
    done(`Copied ${what}${copyable.changed ? ', without hidden characters' : ''}.`);
  } catch {
    failed(`${what} was not copied: the system refused it.`, () => void copyText(text, what));
  }
}
