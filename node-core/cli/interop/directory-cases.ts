import { join } from 'node:path';
import type { Endpoint } from '../../base/transport.ts';
import { openChannel } from '../../io/open-channel.ts';
import { refusalCodeOf } from '../../wire/registry-refusal.ts';
import { encodeCall, parseReply, type RegistryCall, type ReplyOf } from '../../wire/registry-request.ts';
import { GROUP, type InteropBench } from './bench.ts';
import { expect, expectEqual, type InteropCase } from './interop-case.ts';

export const DIRECTORY_CASES: readonly InteropCase[] = [
  { name: 'directory: stock registers at our registry', run: registers },
  { name: 'directory: its registration is signed, so an unsigned one for its key is refused', run: registersSigned },
  { name: 'directory: stock registers over TLS, by the fingerprint of our certificate', run: registersOverTls },
  { name: 'directory: set-hostname, set-private and set-public reach our registry', run: changesProfile },
  { name: 'directory: pilotctl info, find and lookup', run: finds },
  { name: 'directory: pilotctl network list, join, members and leave', run: joinsGroup },
];

async function registers(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.ours();
  const record = await ours.node.ask('lookup', { nodeId: stock.nodeId });
  expectEqual(record.version, '1.18.0', 'the version in our registry');
  expectEqual(record.hostname, 'stock', 'the hostname in our registry');
  return `node ${stock.nodeId}, ${stock.address}`;
}

async function registersSigned(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.ours();
  const { publicKey } = await ours.node.ask('lookup', { nodeId: stock.nodeId });
  const unsigned = { listenAddress: stock.listen, publicKey, version: '1.18.0' };
  const refused = await askOnce(bench.registry, 'register', encodeCall('register', unsigned)).catch(
    (error: Error) => error,
  );
  expectEqual(refusalCodeOf(refused), 'signature-dropped', 'the refusal of our registry');
  return undefined;
}

async function registersOverTls(bench: InteropBench) {
  const [registry, beacon] = ['127.0.0.1:9100', '127.0.0.1:9101'];
  const file = join(bench.folder, 'registry.pem');
  const words = ['rendezvous', '--registry-addr', registry, '--beacon-addr', beacon, '--tls', file];
  const { ready } = await bench.startProcess(words);
  const fingerprint = String(ready.fingerprint);
  const pinned = ['-registry', registry, '-beacon', beacon, '-registry-tls', '-registry-fingerprint', fingerprint];
  const stock = await bench.startStock('pinned', ...pinned); // of a flag that is given twice the last one counts
  const to = { host: '127.0.0.1', port: 9_100 };
  const record = await askOnce(to, 'lookup', encodeCall('lookup', { nodeId: stock.nodeId }), fingerprint);
  expectEqual(record.version, '1.18.0', 'the version in the registry behind TLS');
  return `node ${stock.nodeId} of the registry with certificate ${fingerprint.slice(0, 8)}…`;
}

async function changesProfile(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const seen = async () => {
    const { hostname, public: open } = await node.ask('lookup', { nodeId: stock.nodeId });
    return { hostname, open };
  };
  await stock.ask('set-hostname', 'renamed');
  await stock.ask('set-private');
  expectEqual(await seen(), { hostname: 'renamed', open: false }, 'what our registry says');
  await stock.ask('set-hostname', 'stock');
  await stock.ask('set-public');
  expectEqual(await seen(), { hostname: 'stock', open: true }, 'what our registry says');
  return undefined;
}

async function finds(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const info = await stock.ask('info');
  expectEqual([info.node_id, info.version], [stock.nodeId, '1.18.0'], 'pilotctl info');
  const found = await stock.ask('find', 'ours');
  expectEqual([found.node_id, found.address], [node.nodeId, node.address], 'pilotctl find');
  const record = await stock.ask('lookup', String(node.nodeId));
  expectEqual([record.hostname, record.public], ['ours', true], 'pilotctl lookup');
  return undefined;
}

async function joinsGroup(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const group = String(GROUP.id);
  const list = await stock.ask('network', 'list');
  expect(JSON.stringify(list.networks).includes(`"${GROUP.name}"`), `network list says ${JSON.stringify(list)}`);
  const members = async () => {
    const { nodes } = await stock.ask('network', 'members', group);
    return (nodes as { node_id: number }[]).map((member) => member.node_id).sort();
  };
  await stock.ask('network', 'join', group);
  await node.join(GROUP.id, '');
  expectEqual(await members(), [stock.nodeId, node.nodeId].sort(), 'network members');
  await stock.ask('network', 'leave', group);
  expectEqual(await members(), [node.nodeId], 'network members after leaving');
  await node.leave(GROUP.id);
  return undefined;
}

async function askOnce<T extends RegistryCall>(
  registry: Endpoint,
  type: T,
  request: Uint8Array,
  fingerprint?: string,
): Promise<ReplyOf<T>> {
  const channel = await openChannel(registry, 5_000, fingerprint);
  try {
    const reply = await new Promise<Uint8Array>((resolve, reject) => {
      channel.onMessage = resolve;
      channel.onClosed = (reason) => reject(new Error(`the registry closed the connection: ${reason}`));
      channel.send(request);
    });
    return parseReply(type, reply);
  } finally {
    channel.close();
  }
}
