import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseEndpoint } from '../../base/transport.ts';
import { UdpSocket } from '../../io/udp-socket.ts';
import { PORT } from '../../wire/packet.ts';
import { classifyDatagram, decodeTunnelFrame, encodeTunnelFrame } from '../../wire/tunnel-frame.ts';
import { type InteropBench, noise } from './bench.ts';
import { dial, expectEcho } from './exchange.ts';
import { expect, expectEqual, type InteropCase, timed } from './interop-case.ts';
import type { StockDaemon } from './stock-daemon.ts';
import type { TappedDatagram } from './tapped-socket.ts';

export const PATH_CASES: readonly InteropCase[] = [
  { name: 'hostile: 200 junk frames to us in the name of stock', run: junkToOurs },
  { name: 'hostile: frames of stock sent to us again by a third socket', run: replaysToOurs },
  { name: 'hostile: 8 junk frames to stock in our name, its session is made again', run: junkToStock },
  { name: 'hostile: our frames sent to stock again by a third socket', run: replaysToStock },
  { name: 'hostile: every datagram in both directions arrives twice', run: duplicates },
  { name: 'hostile: strangers in number, stock is asked for a proof and gets in', run: newcomerUnderLoad },
  { name: 'loss: one datagram in ten is lost in both directions, 256 KiB through stock', run: loses },
  { name: 'relay: ours reaches a relay-only stock through our beacon', run: relays },
  { name: 'three: two stock daemons and ours reach each other', run: three },
];

async function junkToOurs(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, socket } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  await expectEcho(duplex, noise(2_000));
  const third = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  for (let count = 0; count < 200; count++) third.send(junk(stock.nodeId), socket.local);
  const { ms } = await timed(() => expectEcho(duplex, noise(20_000)));
  await third.close();
  duplex.end();
  return `echo of 20 kB meanwhile ${ms.toFixed(1)} ms`;
}

async function replaysToOurs(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, socket } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  await expectEcho(duplex, noise(20_000));
  const epoch = node.tunnelReport(stock.nodeId)?.epoch;
  const third = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  const frames = socket.passed.filter((datagram) => datagram.direction === 'in' && isFrom(datagram, stock)).slice(-200);
  for (const { bytes } of frames) third.send(bytes, socket.local);
  await expectEcho(duplex, noise(20_000));
  await third.close();
  duplex.end();
  const { path } = await node.ping(stock.nodeId, 2_000);
  expect(path !== 'relay', `the path is ${path}`);
  expectEqual(node.tunnelReport(stock.nodeId)?.epoch, epoch, 'our key exchanges with stock');
  return `${frames.length} frames`;
}

async function junkToStock(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  await expectEcho(duplex, noise(2_000));
  await sleep(3_500); // younger sessions are not dropped
  const third = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  for (let count = 0; count < 8; count++) third.send(junk(node.nodeId), endpointOf(stock));
  const { ms } = await timed(() => expectEcho(duplex, noise(20_000)));
  await third.close();
  duplex.end();
  return `the open stream echoed 20 kB in ${ms.toFixed(1)} ms`;
}

async function replaysToStock(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, socket } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  await expectEcho(duplex, noise(20_000));
  await sleep(1_500); // younger sessions are not dropped
  const third = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  const frames = socket.passed.filter((datagram) => datagram.direction === 'out' && isFrom(datagram, stock)).slice(-20);
  for (const { bytes } of frames) third.send(bytes, endpointOf(stock));
  const { ms } = await timed(() => expectEcho(duplex, noise(20_000)));
  await third.close();
  duplex.end();
  return `${frames.length} frames, the open stream echoed 20 kB in ${ms.toFixed(1)} ms`;
}

/** Behind the first stranger our node asks for a cookie: stock brings none, but answers the PILK. */
async function newcomerUnderLoad(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, socket } = await bench.startOurs('crowded', {
    limits: { keyExchangeDirect: 2, keyExchangeRelayed: 2 },
  });
  const third = await UdpSocket.bind({ host: '127.0.0.1', port: 0 });
  const ask = () => third.send(keyRequest(stock.nodeId + 1_000), socket.local);
  ask();
  const crowd = setInterval(ask, 200);
  const { ms } = await timed(() => stock.ask('ping', node.address, '--count', '1'));
  clearInterval(crowd);
  await third.close();
  const asked = socket.passed.filter(
    ({ direction, bytes, peer }) => direction === 'out' && peer.port === endpointOf(stock).port && hasCookie(bytes),
  );
  expect(asked.length > 0, 'stock was not asked for a proof');
  return `asked ${asked.length} times, pinged after ${ms.toFixed(0)} ms`;
}

function keyRequest(senderNodeId: number): Uint8Array {
  return encodeTunnelFrame({ kind: 'key-request', senderNodeId, x25519PublicKey: new Uint8Array(randomBytes(32)) });
}

function hasCookie(bytes: Uint8Array): boolean {
  if (classifyDatagram(bytes) !== 'tunnel') return false;
  const frame = decodeTunnelFrame(bytes);
  return frame.kind === 'key-request' && frame.cookie !== undefined;
}

async function duplicates(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, socket } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  socket.copies = (datagram) => (isFrom(datagram, stock) ? 2 : 1);
  try {
    const { ms } = await timed(() => expectEcho(duplex, noise(262_144)));
    duplex.end();
    return `256 KiB in ${ms.toFixed(0)} ms`;
  } finally {
    socket.copies = () => 1;
  }
}

async function loses(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, socket } = await bench.ours();
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  socket.copies = (datagram) => (isFrom(datagram, stock) && Math.random() < 0.1 ? 0 : 1);
  try {
    const { ms } = await timed(() => expectEcho(duplex, noise(262_144)));
    duplex.end();
    return `${ms.toFixed(0)} ms`;
  } finally {
    socket.copies = () => 1;
  }
}

async function relays(bench: InteropBench) {
  const stock = await bench.startStock('relayed', '-public', '-relay-only');
  const { node } = await bench.ours();
  const first = await timed(() => node.ping(stock.nodeId, 10_000));
  expectEqual(first.result.path, 'relay', 'the path');
  const { duplex } = await dial(node, stock.nodeId, PORT.echo);
  const { ms } = await timed(() => expectEcho(duplex, noise(65_536)));
  duplex.end();
  expectEqual((await stock.ask('ping', node.address, '--count', '1')).timeout, false, 'timeout');
  await stock.stop();
  return `first ping ${first.ms.toFixed(1)} ms, echo of 64 KiB ${ms.toFixed(0)} ms`;
}

async function three(bench: InteropBench) {
  const first = await bench.stock();
  const second = await bench.startStock('second', '-public');
  const { node } = await bench.ours();
  await Promise.all([first, second].map(({ nodeId }) => node.ping(nodeId, 5_000)));
  for (const [from, to] of [
    [first, second.address],
    [second, first.address],
    [first, node.address],
    [second, node.address],
  ] as const) {
    expectEqual((await from.ask('ping', to, '--count', '1')).timeout, false, `timeout of a ping to ${to}`);
  }
  await second.stop();
  return undefined;
}

function junk(senderNodeId: number): Uint8Array {
  const nonce = new Uint8Array(randomBytes(12));
  return encodeTunnelFrame({ kind: 'sealed', senderNodeId, nonce, ciphertext: noise(80) });
}

function endpointOf(stock: StockDaemon) {
  const endpoint = parseEndpoint(stock.listen);
  if (endpoint === undefined) throw new Error(`not an endpoint: ${stock.listen}`);
  return endpoint;
}

/** From stock to us or from us to it, straight. */
function isFrom(datagram: TappedDatagram, stock: StockDaemon): boolean {
  return datagram.peer.port === endpointOf(stock).port;
}
