import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../../../node-core/base/clock.ts';
import { type GraphUpdate, graphUpdate } from '../../../../node-core/contract/graph.ts';
import { GraphFeed } from '../../../../node-core/host/graph-feed.ts';
import { GraphState } from '../../../../node-core/mesh/graph-state.ts';
import { keyOf, NOON, nano, tunnelRow } from '../../../support/report-rows.ts';

const clock: Clock = { now: () => ({ monotonicMs: performance.now(), unixNano: nano(Date.now()) }) };

beforeEach(() => {
  vi.useFakeTimers({ now: NOON });
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const state = new GraphState();
  const publicKey = keyOf(1);
  state.setSelf({ nodeId: 1, hostname: 'desk', groupIds: [], tags: [], version: '1', public: false, publicKey });
  const feed = new GraphFeed(state, clock);
  const updates: GraphUpdate[] = [];
  const abort = new AbortController();
  const ended = (async () => {
    for await (const update of feed.watch(abort.signal)) {
      updates.push(graphUpdate.parse(update));
      feed.confirm(update.feedId, update.revision);
    }
  })();
  return { state, feed, updates, abort, ended };
}

describe('the graph feed', () => {
  test('shows a new tunnel within a second, and nothing while nothing changes', async () => {
    const { state, feed, updates, abort, ended } = watched();
    feed.start(1);
    await vi.advanceTimersByTimeAsync(5_000);
    const settled = updates.length;
    state.applyReport(tunnelRow(1, 4, Date.now()));
    feed.touch();
    await vi.advanceTimersByTimeAsync(400);
    expect(updates.at(-1)?.tunnels.map((tunnel) => tunnel.id)).toEqual(['1-4']);
    expect(updates.at(-1)?.agents.map((agent) => agent.nodeId)).toEqual([4]);
    const shown = updates.length;
    expect(shown).toBe(settled + 1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(updates.length).toBe(shown);
    abort.abort();
    await ended;
    feed.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('says what is gone by its id', async () => {
    const { state, feed, updates, abort, ended } = watched();
    state.applyReport(tunnelRow(1, 4, NOON));
    state.setGroups([{ groupId: 2, name: 'finance', joined: true, joinRule: 'open', memberIds: [1] }]);
    state.setBeacons([{ id: 'b:1', name: 'fra-1', state: 'ok', since: NOON }]);
    feed.start(1);
    await vi.advanceTimersByTimeAsync(1_000);
    state.setGroups([]);
    state.setBeacons([]);
    state.applyReport(tunnelRow(1, 4, NOON, { state: 'closed' }));
    feed.touch();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(updates.at(-1)).toMatchObject({
      goneTunnels: ['1-4'],
      goneGroups: [2],
      goneBeacons: ['b:1'],
      goneAgents: [],
    });
    abort.abort();
    await ended;
    feed.stop();
  });

  test('is drawn at most five times a second', async () => {
    const { state, feed, abort, ended } = watched();
    let drawn = 0;
    feed.onDrawn = () => {
      drawn += 1;
    };
    feed.start(1);
    for (let ms = 0; ms < 1_000; ms += 5) {
      state.pingAnswered(4, ms + 1, Date.now());
      feed.touch();
      await vi.advanceTimersByTimeAsync(5);
    }
    expect(drawn).toBeLessThanOrEqual(6);
    abort.abort();
    await ended;
    feed.stop();
  });
});
