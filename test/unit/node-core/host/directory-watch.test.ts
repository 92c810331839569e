import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../../../node-core/base/clock.ts';
import { PilotError } from '../../../../node-core/base/errors.ts';
import { type AskingNode, type DirectoryPicture, DirectoryWatch } from '../../../../node-core/host/directory-watch.ts';

const clock: Clock = { now: () => ({ monotonicMs: performance.now(), unixNano: 0n }) };
const gone = new PilotError('registry.refused', 'node 2: node not found', { refusal: 'node-unknown' });
const keyOf = (nodeId: number, generation = 0) => Buffer.alloc(32, nodeId + generation * 100);

let asked: Record<string, number>;
let generation: number;
let fails: ((type: string, request: { nodeId?: number }) => Error | undefined) | undefined;
let pictures: DirectoryPicture[];
let problems: string[];
let watch: DirectoryWatch;

/** A registry with group 2, in which nodes 1 to 3 are. */
async function answer(type: string, request: { nodeId?: number }): Promise<unknown> {
  asked[type] = (asked[type] ?? 0) + 1;
  const error = fails?.(type, request);
  if (error !== undefined) throw error;
  switch (type) {
    case 'list_networks':
      return { networks: [{ networkId: 2, name: 'finance', joinRule: 'open' }] };
    case 'list_nodes':
      return { nodes: [1, 2, 3].map((nodeId) => ({ nodeId, hostname: `agent-${nodeId}`, offline: false })) };
    default:
      return { publicKey: keyOf(request.nodeId ?? 0, generation).toString('base64') };
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  [asked, generation, fails, pictures, problems] = [{}, 0, undefined, [], []];
});
afterEach(() => {
  watch.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function start(): void {
  const node: AskingNode = { nodeId: 1, ask: answer as unknown as AskingNode['ask'] };
  watch = new DirectoryWatch({
    node,
    clock,
    adminToken: undefined,
    onPicture: (picture) => pictures.push(picture),
    onProblem: (text) => problems.push(text),
  });
}

const keys = () => pictures.at(-1)?.nodes.map(({ publicKey }) => publicKey);
const hex = (...ids: number[]) => ids.map((nodeId) => keyOf(nodeId).toString('hex'));

test('reads groups, members and their keys, and each key once', async () => {
  start();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(pictures.at(-1)?.groups).toEqual([
    { groupId: 2, name: 'finance', joined: true, joinRule: 'open', memberIds: [1, 2, 3] },
  ]);
  expect(keys()).toEqual(hex(1, 2, 3));
  expect(asked.lookup).toBe(3);
});

test('reads keys again after a while: a registry that was restored has another under an id', async () => {
  start();
  await vi.advanceTimersByTimeAsync(1_000);
  generation = 1;
  await vi.advanceTimersByTimeAsync(400_000);
  expect(keys()).toEqual([1, 2, 3].map((nodeId) => keyOf(nodeId, 1).toString('hex')));
});

test('asks less often while nothing changes, and least often while the registry is away', async () => {
  start();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(asked.list_nodes).toBeLessThanOrEqual(105);
  const before = asked.list_networks ?? 0;
  fails = () => new PilotError('registry.unavailable', 'away');
  await vi.advanceTimersByTimeAsync(600_000);
  expect((asked.list_networks ?? 0) - before).toBeLessThanOrEqual(25);
  expect(problems).toEqual([]);
});

test('a node that left since it was listed keeps no other from being read', async () => {
  fails = (type, { nodeId }) => (type === 'lookup' && nodeId === 2 ? gone : undefined);
  start();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(keys()).toEqual([hex(1)[0], undefined, hex(3)[0]]);
});

test('a refusal is told once in words, until reading works again', async () => {
  fails = (type) => (type === 'list_nodes' ? new PilotError('registry.refused', 'admin token wrong') : undefined);
  start();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(problems).toEqual(['The directory could not be read, what was read last stands: admin token wrong']);
  fails = undefined;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(pictures.length).toBeGreaterThan(0);
});

test('an act is read at once, after what is being read', async () => {
  start();
  await vi.advanceTimersByTimeAsync(30_000);
  const before = asked.list_nodes ?? 0;
  await watch.refresh();
  expect(asked.list_nodes).toBe(before + 1);
});
