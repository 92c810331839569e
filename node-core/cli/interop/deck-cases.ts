import { join } from 'node:path';
import type { GraphUpdate } from '../../contract/graph.ts';
import type { Trace } from '../../contract/trace.ts';
import { joinTrace } from '../../contract/trace-parts.ts';
import { connectDeck, type DeckConnection } from '../../deck-client/deck-connection.ts';
import { readDeckFile } from '../../host/deck-file.ts';
import { PORT } from '../../wire/packet.ts';
import { GROUP, type InteropBench } from './bench.ts';
import { expect, expectEqual, type InteropCase, timed } from './interop-case.ts';
import { until } from './until.ts';

export const DECK_CASES: readonly InteropCase[] = [
  { name: 'deck: a stock node is in the graph, live, with its tunnel and a one-ended stream', run: showsStock },
];

async function showsStock(bench: InteropBench) {
  const stock = await bench.stock();
  const data = join(bench.folder, 'deck');
  const where = ['--registry', '127.0.0.1:9000', '--beacon', '127.0.0.1:9001'];
  await bench.startProcess(['serve', '--data', data, '--no-fleet', ...where, '--otlp-http', '127.0.0.1:0']);
  const { nodeId } = await readDeckFile(data);
  const deck = await connectDeck(await readDeckFile(data));
  const client = await stock.connect();
  try {
    await stock.ask('network', 'join', String(GROUP.id));
    await deck.client.group.join({ groupId: GROUP.id });
    const graph = watchGraph(deck);
    const { ms } = await timed(() =>
      until('stock to be live in the graph', () => graph.agents.get(stock.nodeId)?.live, 60_000),
    );
    const agent = graph.agents.get(stock.nodeId);
    expectEqual([agent?.hostname, agent?.reports], ['stock', false], 'hostname and reports of stock');
    const tunnel = await until('its tunnel', () =>
      [...graph.tunnels.values()].find(({ a, b }) => [a, b].includes(stock.nodeId) && [a, b].includes(nodeId)),
    );
    expect(tunnel.state === 'established' && tunnel.path !== 'unknown', `the tunnel is ${JSON.stringify(tunnel)}`);
    const stream = await client.dial(nodeId, PORT.echo);
    const flow = await until('a flow with stock', () =>
      [...graph.flows.values()].find(({ dialler }) => dialler === stock.nodeId),
    );
    expectEqual([flow.acceptor, flow.port, flow.ends], [nodeId, PORT.echo, 'acceptor'], 'acceptor, port and ends');
    client.close(stream);
    const span = await until('the span of the stream', () => findSpan(deck, stock.nodeId));
    expectEqual([span.flow?.role, span.flow?.otherEnd], ['acceptor', 'not heard'], 'role and other end in the trace');
    return `live after ${ms.toFixed(0)} ms, ${tunnel.path}, ends: ${flow.ends}, other end: ${span.flow?.otherEnd}`;
  } finally {
    client.end();
    deck.close();
  }
}

/** The graph as the window would hold it, kept up to date until the deck is closed. */
function watchGraph(deck: DeckConnection) {
  const agents = new Map<number, GraphUpdate['agents'][number]>();
  const tunnels = new Map<string, GraphUpdate['tunnels'][number]>();
  const flows = new Map<string, GraphUpdate['flows'][number]>();
  const follow = async () => {
    for await (const update of await deck.client.graph.watch()) {
      for (const agent of update.agents) agents.set(agent.nodeId, agent);
      for (const tunnel of update.tunnels) tunnels.set(tunnel.id, tunnel);
      for (const flow of update.flows) flows.set(flow.flowId, flow);
      await deck.client.graph.confirm({ feedId: update.feedId, revision: update.revision });
    }
  };
  follow().catch(() => {}); // the deck was closed
  return { agents, tunnels, flows };
}

async function findSpan(deck: DeckConnection, peerNodeId: number): Promise<Trace['spans'][number] | undefined> {
  const { traces } = await deck.client.trace.search({});
  for (const { traceId } of traces) {
    const { spans } = await joinTrace(await deck.client.trace.get({ traceId }));
    const span = spans.find(({ flow }) => flow?.peerNodeId === peerNodeId);
    if (span !== undefined) return span;
  }
  return undefined;
}
