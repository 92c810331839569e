import { utf8 } from '../../base/bytes.ts';
import { PORT } from '../../wire/packet.ts';
import { type InteropBench, noise } from './bench.ts';
import { dial, expectEcho } from './exchange.ts';
import { expect, expectEqual, type InteropCase, timed } from './interop-case.ts';
import { until } from './until.ts';

const DATAGRAM_PORT = 5_000;

export const TRAFFIC_CASES: readonly InteropCase[] = [
  { name: 'ping: our encrypted ping is answered by stock', run: pingsStock },
  { name: 'ping: pilotctl ping is answered by us', run: pingsOurs },
  { name: 'ping: pilotctl traceroute reaches us', run: tracesRoute },
  { name: 'echo: 1 byte through stock and back', run: (bench) => echoThroughStock(bench, 1) },
  { name: 'echo: 64 KiB through stock and back, byte for byte', run: (bench) => echoThroughStock(bench, 65_536) },
  { name: 'echo: 1 MiB through stock and back, byte for byte', run: (bench) => echoThroughStock(bench, 1_048_576) },
  { name: 'echo: 1 byte from stock through us', run: (bench) => echoThroughOurs(bench, 1) },
  { name: 'echo: 64 KiB from stock through us, byte for byte', run: (bench) => echoThroughOurs(bench, 65_536) },
  { name: 'echo: 1 MiB from stock through us, byte for byte', run: (bench) => echoThroughOurs(bench, 1_048_576) },
  { name: 'echo: pilotctl bench of 4 MB against us is complete', run: benchesOurs },
  { name: 'datagram: ours reaches an application at stock', run: datagramToStock },
  { name: 'datagram: pilotctl dgram reaches us', run: datagramToOurs },
];

async function pingsStock(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const first = await timed(() => node.ping(stock.nodeId, 5_000));
  const { rttMs, path } = await node.ping(stock.nodeId, 5_000);
  expect(path !== 'relay' && path !== 'unknown', `the path is ${path}`);
  return `first ${first.ms.toFixed(1)} ms, then ${rttMs.toFixed(2)} ms, ${path}`;
}

async function pingsOurs(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const answer = await stock.ask('ping', node.address, '--count', '3');
  expectEqual(answer.timeout, false, 'timeout');
  const times = (answer.results as { rtt_ms?: number; error?: string }[]).map(
    (result) => result.rtt_ms ?? result.error,
  );
  expect(times.length === 3 && times.every((time) => typeof time === 'number'), `pings say ${times.join(', ')}`);
  return `${times.map((time) => Number(time).toFixed(2)).join(', ')} ms`;
}

async function tracesRoute(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const { rtt_samples, error, setup_ms } = await stock.ask('traceroute', node.address);
  expectEqual(error, undefined, 'the error');
  expectEqual((rtt_samples as unknown[]).length, 3, 'the number of samples');
  return `set-up ${Number(setup_ms).toFixed(2)} ms`;
}

async function echoThroughStock(bench: InteropBench, length: number) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  const { ms } = await timed(() => expectEcho(duplex, noise(length)));
  duplex.end();
  return rate(length, ms);
}

async function echoThroughOurs(bench: InteropBench, length: number) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const client = await stock.connect();
  try {
    const stream = await client.dial(node.nodeId, PORT.echo);
    const bytes = noise(length);
    const { ms } = await timed(async () => {
      client.send(stream, bytes);
      await until(`${length} bytes from our echo`, () => stream.received >= length, 30_000);
    });
    expect(Buffer.concat(stream.chunks).equals(bytes), `our echo of ${length} bytes is other bytes`);
    client.close(stream);
    return rate(length, ms);
  } finally {
    client.end();
  }
}

async function benchesOurs(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const { complete, sent_bytes, recv_bytes, total_mbps } = await stock.ask('bench', node.address, '4');
  expectEqual([complete, recv_bytes], [true, sent_bytes], 'bench');
  return `${Number(total_mbps).toFixed(0)} Mbit/s there and back, as pilotctl counts`;
}

async function datagramToStock(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const heard = stock.ask('listen', String(DATAGRAM_PORT), '--count', '1', '--timeout', '10s');
  const to = { nodeId: stock.nodeId, groupId: 0, port: DATAGRAM_PORT };
  const again = setInterval(() => {
    node.run((core, now) => core.sendDatagram(to, 6_000, utf8('a datagram of ours'), now)); // pilotctl may not listen yet
  }, 50);
  const { messages } = await heard.finally(() => clearInterval(again));
  const [message] = messages as { data: string; src_port: number; src_addr: string }[];
  expectEqual(
    [message?.data, message?.src_port, message?.src_addr],
    ['a datagram of ours', 6_000, node.address],
    'the datagram at stock',
  );
  return undefined;
}

async function datagramToOurs(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, datagrams } = await bench.ours();
  const reply = await stock.ask('dgram', node.address, String(DATAGRAM_PORT), '--data', 'a datagram of stock');
  expectEqual(reply.confirmed, true, 'confirmed');
  const heard = await until('the datagram', () => datagrams.find((datagram) => datagram.port === DATAGRAM_PORT), 5_000);
  const text = new TextDecoder().decode(heard.payload);
  expectEqual([text, heard.peerNodeId], ['a datagram of stock', stock.nodeId], 'the datagram here');
  return undefined;
}

function rate(bytes: number, ms: number): string {
  return `${ms.toFixed(1)} ms, ${(bytes / 1_048_576 / (ms / 1_000)).toFixed(1)} MiB/s each way`;
}
