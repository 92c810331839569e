import { join } from 'node:path';
import { PORT } from '../../wire/packet.ts';
import { type InteropBench, noise } from './bench.ts';
import { dial, expectEcho } from './exchange.ts';
import { expect, expectEqual, type InteropCase, timed } from './interop-case.ts';
import { until } from './until.ts';

export const RESTART_CASES: readonly InteropCase[] = [
  { name: 'restart: stock is killed and comes back, our pings, old stream and new streams', run: stockRestarts },
  { name: 'restart: our node is killed and comes back, pilotctl ping', run: oursRestarts },
  {
    name: 'restart: our rendezvous is killed and comes back, same ids and everybody reachable',
    run: rendezvousRestarts,
  },
];

async function stockRestarts(bench: InteropBench) {
  const stock = await bench.startStock('reborn', '-public');
  const { node } = await bench.ours();
  const old = await dial(node, stock.nodeId, PORT.echo);
  await expectEcho(old.duplex, noise(10_000));
  const ended = new Promise<number>((resolve) => {
    old.duplex.once('error', () => resolve(performance.now()));
    old.duplex.once('close', () => resolve(performance.now()));
  });
  await stock.kill();
  const id = stock.nodeId;
  await stock.restart();
  const registeredAt = performance.now();
  expectEqual(stock.nodeId, id, 'the id after the restart');
  await until(
    'a ping to be answered',
    () =>
      node.ping(id, 500).then(
        () => true,
        () => false,
      ),
    60_000,
  );
  const pinged = performance.now() - registeredAt;
  const fresh = await dial(node, id, PORT.echo);
  await expectEcho(fresh.duplex, noise(10_000));
  const echoed = performance.now() - registeredAt;
  fresh.duplex.end();
  const oldEnded = (await ended) - registeredAt;
  const [ping, echo, end] = [pinged, echoed, oldEnded].map((ms) => ms.toFixed(0));
  return `after its registration: ping ${ping} ms, new stream ${echo} ms, old stream ended ${end} ms`;
}

async function oursRestarts(bench: InteropBench) {
  const stock = await bench.stock();
  const listen = `127.0.0.1:${bench.nextPort()}`;
  const where = ['--registry', '127.0.0.1:9000', '--beacon', '127.0.0.1:9001', '--listen', listen];
  const who = ['--identity', join(bench.folder, 'phoenix.json'), '--hostname', 'phoenix', '--public'];
  const first = await bench.startProcess(['node', ...where, ...who]);
  const address = String(first.ready.address);
  const client = await stock.connect();
  try {
    const stream = await client.dial(Number(first.ready.nodeId), PORT.echo);
    client.send(stream, noise(100));
    await until('the echo of ours', () => stream.received === 100);
    await first.end('SIGKILL');
    const second = await bench.startProcess(['node', ...where, ...who]);
    expectEqual(second.ready.address, address, 'the address after the restart');
    const { ms } = await timed(() => stock.ask('ping', address, '--count', '1'));
    const reply = await stock.ask('ping', address, '--count', '1');
    expect(reply.timeout === false, `pilotctl ping says ${JSON.stringify(reply)}`);
    client.send(stream, noise(100));
    const end = await timed(() => until('stock to end its old stream', () => stream.closed, 60_000));
    await second.end('SIGTERM');
    return `first ping with its tool ${ms.toFixed(0)} ms, stock's old stream ended ${end.ms.toFixed(0)} ms after its next data`;
  } finally {
    client.end();
  }
}

async function rendezvousRestarts(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const before = [stock.nodeId, node.nodeId];
  await bench.restartRendezvous();
  const { ms } = await timed(() =>
    until(
      'our node and stock to reach our registry again',
      async () => {
        const record = await node.ask('lookup', { nodeId: stock.nodeId }).catch(() => undefined);
        const found = await stock.ask('lookup', String(node.nodeId)).catch(() => undefined);
        return record?.hostname === 'stock' && found?.hostname === 'ours';
      },
      60_000,
    ),
  );
  const info = await stock.ask('info');
  expectEqual([info.node_id, node.nodeId], before, 'the ids');
  await node.ping(stock.nodeId, 5_000);
  expectEqual((await stock.ask('ping', node.address, '--count', '1')).timeout, false, 'timeout');
  return `registry answers both ${ms.toFixed(0)} ms after it was up`;
}
