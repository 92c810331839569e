import { beforeEach, expect, test } from 'vitest';
import { PilotError } from '../../../../../node-core/base/errors.ts';
import type { LogEntry } from '../../../../../node-core/contract/log.ts';
import { ActRecorder } from '../../../../../node-core/host/acts/act-recorder.ts';
import { GroupActs } from '../../../../../node-core/host/acts/group-acts.ts';
import { PeerActs } from '../../../../../node-core/host/acts/peer-acts.ts';
import { TraceActs } from '../../../../../node-core/host/acts/trace-acts.ts';
import { GraphNames } from '../../../../../node-core/mesh/graph-names.ts';
import { GraphState } from '../../../../../node-core/mesh/graph-state.ts';

const SELF = 1;
const silent = new PilotError('peer.silent', 'no answer to an encrypted ping');

let lines: LogEntry[];
let recorder: ActRecorder;
let names: GraphNames;
beforeEach(() => {
  lines = [];
  recorder = new ActRecorder((line) => lines.push(line));
  const state = new GraphState();
  state.setDirectory(
    [2, 3, 4].map((nodeId) => ({ nodeId, hostname: nodeId === 4 ? '' : `agent-${nodeId}`, groupIds: [7], tags: [] })),
    1_000,
  );
  state.setGroups([{ groupId: 7, name: 'finance', joined: true, memberIds: [SELF, 2, 3, 4], joinRule: 'open' }]);
  state.refresh(1_000);
  names = new GraphNames(state);
});

/** A node whose peers answer pings but for those that are silent. */
const node = (...silentPeers: readonly number[]) => ({
  nodeId: SELF,
  trusted: [] as number[],
  joined: [] as number[],
  async ping(nodeId: number) {
    if (silentPeers.includes(nodeId)) throw silent;
    return { rttMs: 1.234, path: 'direct' as const };
  },
  keys: [] as (Uint8Array | undefined)[],
  async trust(nodeId: number, publicKey?: Uint8Array) {
    this.trusted.push(nodeId);
    this.keys.push(publicKey);
  },
  async untrust(nodeId: number) {
    this.trusted = this.trusted.filter((trusted) => trusted !== nodeId);
  },
  async join(groupId: number) {
    this.joined.push(groupId);
  },
  async leave() {
    throw new PilotError('registry.refused', 'not a member');
  },
});

test('a ping is in the log with its outcome, under the name and the id of its peer', async () => {
  await new PeerActs(node(), names, recorder).ping(2, 100);
  expect(lines).toEqual([
    {
      kind: 'peer.ping',
      nodeId: 2,
      source: 'this node',
      actor: 'operator',
      level: 'info',
      text: 'Ping agent-2: 1.23 ms, direct',
    },
  ]);
});

test('an act that failed is in the log as failed, and its caller is told', async () => {
  await expect(new PeerActs(node(3), names, recorder).ping(3, 100)).rejects.toBe(silent);
  expect(lines).toMatchObject([
    { level: 'error', text: 'Ping agent-3 failed: no answer to an encrypted ping (peer.silent)' },
  ]);
});

test.each([
  { nodeIds: [2], text: 'Trust agent-2', about: { nodeId: 2 } },
  { nodeIds: [4], text: 'Trust 0:0000.0000.0004', about: { nodeId: 4 } },
  { nodeIds: [2, 3], text: 'Trust 2 agents', about: {} },
])('trusting $nodeIds is one line: $text', async ({ nodeIds, text, about }) => {
  const trusting = node();
  await new PeerActs(trusting, names, recorder).trust(nodeIds.map((nodeId) => ({ nodeId })));
  expect(trusting.trusted).toEqual(nodeIds);
  expect(lines).toMatchObject([{ text, level: 'info', ...about }]);
  expect('nodeId' in (lines[0] ?? {})).toBe('nodeId' in about);
});

test('trusting a peer under a key that the operator saw is so in the log, and so is taking trust back', async () => {
  const trusting = node();
  const acts = new PeerActs(trusting, names, recorder);
  await acts.trust([{ nodeId: 2, publicKey: 'ab'.repeat(32) }]);
  expect([trusting.trusted, trusting.keys]).toEqual([[2], [new Uint8Array(32).fill(0xab)]]);
  await acts.untrust(2);
  expect(trusting.trusted).toEqual([]);
  expect(lines).toMatchObject([
    { kind: 'peer.trust', nodeId: 2, text: 'Trust agent-2 under the key abababab…' },
    { kind: 'peer.untrust', nodeId: 2, text: 'Take back the trust in agent-2' },
  ]);
});

test('the directory is read again after a group was joined, and not after it could not be left', async () => {
  let refreshed = 0;
  const refresh = async () => {
    refreshed += 1;
  };
  const acts = new GroupActs({ node: node(), names, recorder, refresh });
  await acts.join(7, 'token');
  expect(refreshed).toBe(1);
  await expect(acts.leave(7)).rejects.toMatchObject({ code: 'registry.refused' });
  expect(refreshed).toBe(1);
  expect(lines.map(({ text }) => text)).toEqual([
    'Join finance',
    'Leave finance failed: not a member (registry.refused)',
  ]);
});

test('a token of a group never comes into the log', async () => {
  await new GroupActs({ node: node(), names, recorder, refresh: async () => {} }).join(7, 's3cret');
  expect(JSON.stringify(lines)).not.toContain('s3cret');
});

test('pinging a group tells of each member but this node, and ends with all of them told', async () => {
  const acts = new GroupActs({ node: node(3), names, recorder, refresh: async () => {} });
  const told = [];
  for await (const progress of acts.pingAll(7, new AbortController().signal)) told.push(progress);
  expect(told.at(-1)).toEqual({
    total: 3,
    done: 3,
    results: [
      { nodeId: 2, hostname: 'agent-2', state: 'answered', rttMs: 1.234, path: 'direct' },
      { nodeId: 3, hostname: 'agent-3', state: 'silent', error: 'peer.silent' },
      { nodeId: 4, hostname: '0:0000.0000.0004', state: 'answered', rttMs: 1.234, path: 'direct' },
    ],
  });
  expect(lines).toMatchObject([{ kind: 'group.ping', text: 'Ping all 3 members of finance', groupId: 7 }]);
});

test('a group that nobody knows cannot be pinged', async () => {
  const acts = new GroupActs({ node: node(), names, recorder, refresh: async () => {} });
  await expect(acts.pingAll(9, new AbortController().signal).next()).rejects.toMatchObject({ code: 'group.unknown' });
});

test('an export names what was exported, with which ids', async () => {
  const acts = new TraceActs({ export: async () => ({ json: '{}', spans: 3, total: 3 }) }, recorder);
  const traceIds = ['0123456789abcdef0123456789abcdef'];
  expect(await acts.export({ traceIds, joined: true })).toEqual({ json: '{}', spans: 3, total: 3 });
  expect(lines).toMatchObject([{ kind: 'trace.export', text: 'Export trace 01234567 as OTLP JSON with joined ids' }]);
});
