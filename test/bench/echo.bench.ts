import { once } from 'node:events';
import { echoService } from '../../node-core/services/echo.ts';
import { PORT } from '../../node-core/wire/packet.ts';
import { LocalNetwork } from '../support/local-network.ts';
import type { BenchRow } from './row.ts';

const MEGABYTES = 20;
const PINGS = 400;

/** One stream through the echo service, and encrypted pings, between two nodes of one process on loopback. */
export async function measure(): Promise<BenchRow[]> {
  const network = await LocalNetwork.start();
  try {
    const near = await network.node();
    const far = await network.node();
    far.serve(echoService);
    await near.ping(far.nodeId, 5_000);
    const times: number[] = [];
    for (let count = 0; count < PINGS; count++) times.push((await near.ping(far.nodeId, 5_000)).rttMs);
    times.sort((one, other) => one - other);
    const { duplex } = await near.dial({ nodeId: far.nodeId, groupId: 0, port: PORT.echo });
    const sent = Buffer.alloc(MEGABYTES * 1_048_576, 'flightdeck ');
    const startedAt = performance.now();
    duplex.write(sent);
    for (let received = 0; received < sent.length; ) received += ((await once(duplex, 'data')) as [Buffer])[0].length;
    const seconds = (performance.now() - startedAt) / 1_000;
    duplex.destroy();
    return [
      { name: `echo/${MEGABYTES}MB`, value: Number((MEGABYTES / seconds).toFixed(2)), unit: 'MB/s' },
      { name: 'ping_ms/p50', value: times[PINGS / 2] ?? 0, unit: 'ms' },
    ];
  } finally {
    await network.close();
  }
}
