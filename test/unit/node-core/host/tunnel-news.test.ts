import { expect, test } from 'vitest';
import type { LogEntry } from '../../../../node-core/contract/log.ts';
import { TunnelNews } from '../../../../node-core/host/tunnel-news.ts';

function entry(kind: string, nodeId: number): LogEntry {
  return { level: 'warning', kind, text: `${kind} of ${nodeId}`, source: 'this node', actor: 'node', nodeId };
}

function news() {
  const told: string[] = [];
  return { told, news: new TunnelNews(({ text }) => told.push(text)) };
}

test('a thousand peers that stop answering are five lines and a count', () => {
  const { told, news: tunnels } = news();
  for (let nodeId = 1; nodeId <= 1_000; nodeId++) tunnels.add(entry('peer.silent', nodeId), nodeId);
  tunnels.flush(20_000);
  expect(told).toHaveLength(6);
  expect(told.at(-1)).toBe('995 more peers are silent on every path');
});

test('that a peer does not answer is told once until it answers', () => {
  const { told, news: tunnels } = news();
  for (let minute = 0; minute < 10; minute++) {
    tunnels.add(entry('tunnel.key_exchange', 7), minute * 60_000);
    tunnels.add(entry('tunnel.closed', 7), minute * 60_000 + 1);
  }
  expect(told).toEqual(['tunnel.key_exchange of 7']);
  tunnels.add(entry('tunnel.established', 7), 600_000);
  tunnels.add(entry('tunnel.key_exchange', 7), 700_000);
  expect(told.slice(1)).toEqual(['tunnel.established of 7', 'tunnel.key_exchange of 7']);
});

test('a few lines are told as they are, also when one came too many, and other news never waits', () => {
  const { told, news: tunnels } = news();
  for (let nodeId = 1; nodeId <= 6; nodeId++) tunnels.add(entry('tunnel.path', nodeId), 0);
  tunnels.add(entry('registry.away', 0), 0);
  tunnels.flush(10_000);
  expect(told).toEqual([
    ...[1, 2, 3, 4, 5].map((nodeId) => `tunnel.path of ${nodeId}`),
    'registry.away of 0',
    'tunnel.path of 6',
  ]);
});
