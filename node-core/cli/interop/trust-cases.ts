import { PORT } from '../../wire/packet.ts';
import { type InteropBench, noise } from './bench.ts';
import { dial, expectEcho } from './exchange.ts';
import { expect, type InteropCase, timed } from './interop-case.ts';
import { until } from './until.ts';

export const TRUST_CASES: readonly InteropCase[] = [
  { name: 'trust: a private stock node is out of reach until it approves us through the mailbox', run: approved },
  { name: 'trust: a private node of ours is out of reach until it trusts stock', run: trusts },
];

async function approved(bench: InteropBench) {
  const shy = await bench.startStock('shy');
  const { node } = await bench.ours();
  const wanted = { nodeId: shy.nodeId, groupId: 0, port: PORT.echo };
  const refused = await node.dial(wanted, AbortSignal.timeout(2_000)).catch((error: Error) => error);
  expect(refused instanceof Error, 'a private stock node took a stream of a stranger');
  await node.ask('request_handshake', {
    fromNodeId: node.nodeId,
    toNodeId: shy.nodeId,
    justification: 'to test',
  });
  await until('our request to arrive', async () => JSON.stringify(await shy.ask('pending')).includes('to test'));
  await shy.ask('approve', String(node.nodeId));
  const { ms } = await timed(async () => {
    const { duplex } = await dial(node, shy.nodeId, PORT.echo);
    await expectEcho(duplex, noise(1_000));
    duplex.end();
  });
  await shy.stop();
  return `echo ${ms.toFixed(0)} ms after the approval`;
}

async function trusts(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.startOurs('hermit', { public: false });
  const refused = await stock.ask('ping', ours.node.address, '--count', '1').catch((error: Error) => error);
  expect(refused instanceof Error, 'stock reached a private node of ours');
  await ours.node.trust(stock.nodeId);
  const client = await stock.connect();
  try {
    const { ms } = await timed(async () => {
      const stream = await client.dial(ours.node.nodeId, PORT.echo);
      client.send(stream, noise(1_000));
      await until('our echo', () => stream.received === 1_000);
      client.close(stream);
    });
    return `echo ${ms.toFixed(0)} ms after we trusted it`;
  } finally {
    client.end();
  }
}
