import { expect, test } from 'vitest';
import { PEER, TunnelBench } from '../../../support/tunnel-bench.ts';

test.each([
  { ping: 'that is under way', established: true },
  { ping: 'that waits for a key', established: false },
])('a ping $ping ends when its tunnel is closed', ({ established }) => {
  const bench = new TunnelBench();
  if (established) bench.establish();
  const pingId = bench.table.ping(PEER, bench.now, { timeoutMs: 60_000 });
  bench.table.close(PEER, bench.now);
  bench.collect();
  expect(bench.types('ping-timeout')).toEqual([{ type: 'ping-timeout', peerNodeId: PEER, pingId }]);
});
