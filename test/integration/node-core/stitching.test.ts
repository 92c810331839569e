import { afterAll, beforeAll, expect, test } from 'vitest';
import { toHex } from '../../../node-core/base/bytes.ts';
import { SPAN } from '../../../node-core/base/tracer.ts';
import { ClockOffsets } from '../../../node-core/collector/flow/clock-offsets.ts';
import { FlowStitcher } from '../../../node-core/collector/flow/flow-stitcher.ts';
import type { FlowJoin } from '../../../node-core/collector/flow-join.ts';
import type { RecordedSpan } from '../../../node-core/collector/recording-tracer.ts';
import type { SpanRecord } from '../../../node-core/collector/span.ts';
import { viewTrace } from '../../../node-core/collector/trace/trace-view.ts';
import { SystemClock } from '../../../node-core/io/system-clock.ts';
import { createIdentity } from '../../../node-core/runtime/identity-file.ts';
import type { RunningNode } from '../../../node-core/runtime/running-node.ts';
import { createTracer, nodeResource } from '../../../node-core/runtime/telemetry.ts';
import { echoService } from '../../../node-core/services/echo.ts';
import { LocalNetwork } from '../../support/local-network.ts';
import { joinedTrace } from '../../support/spans.ts';

const AHEAD_MS = 3_000;
const QUERIES = 8;

interface Recorded {
  readonly node: RunningNode;
  readonly spans: RecordedSpan[];
}

let network: LocalNetwork;
beforeAll(async () => {
  network = await LocalNetwork.start();
});
afterAll(async () => {
  await network.close();
});

/** A node that records its spans, with a wall clock ahead of the machine's. */
async function recordingNode(hostname: string, aheadMs: number): Promise<Recorded> {
  const spans: RecordedSpan[] = [];
  const clock = new SystemClock(aheadMs);
  const identity = createIdentity();
  const tracer = createTracer(nodeResource(hostname, identity.publicKey), (span) => spans.push(span));
  const node = await network.node({ hostname }, { identity, clock, tracer, clockEpoch: () => clock.epoch });
  return { node, spans };
}

async function ask(from: RunningNode, to: RunningNode): Promise<void> {
  const { duplex } = await from.dial({ nodeId: to.nodeId, groupId: 0, port: echoService.port });
  duplex.end('which filings are due?');
  for await (const _ of duplex);
}

/** As the collector would have them, from the node that its tunnel authenticated. */
function arrived({ node, spans }: Recorded): SpanRecord[] {
  const exporter = { nodeId: node.nodeId, address: node.address, publicKey: toHex(node.publicKey) };
  const arrivedAt = new SystemClock().now().unixNano;
  return spans.map((span) => ({ ...span, arrivedAt, exporter }));
}

test('two nodes that share nothing but a stream make one trace, and the fast clock is known', async () => {
  const desk = await recordingNode('desk-1', 0);
  const watch = await recordingNode('ct-watch', AHEAD_MS);
  watch.node.serve(echoService);
  for (let i = 0; i < QUERIES; i++) await ask(desk.node, watch.node);
  const streamsOf = ({ spans }: Recorded): number => spans.filter((span) => span.name === SPAN.stream).length;
  await expect.poll(() => [streamsOf(desk), streamsOf(watch)], { timeout: 30_000 }).toEqual([QUERIES, QUERIES]);

  const spans = [...arrived(watch), ...arrived(desk)];
  const stitcher = new FlowStitcher();
  const joins: FlowJoin[] = [];
  for (const span of spans) stitcher.handleSpan(span);
  for (let join = stitcher.pollJoin(); join !== undefined; join = stitcher.pollJoin()) joins.push(join);
  expect(joins.map((join) => join.kind)).toEqual(Array(QUERIES).fill('joined'));
  expect(Object.values(stitcher.ignored).every((count) => count === 0)).toBe(true);
  for (const join of joins) expect(join.diallerTraceId).not.toBe(join.acceptorTraceId);

  const offsets = new ClockOffsets();
  const now = Date.now();
  for (let times = stitcher.pollHandshake(); times !== undefined; times = stitcher.pollHandshake()) {
    expect(offsets.addHandshake(times)).toBe(true);
  }
  const reference = toHex(desk.node.publicKey);
  const estimates = offsets.estimates(reference, now);
  const clock = estimates.get(toHex(watch.node.publicKey)) ?? { offsetMs: 0, boundMs: 0 };
  expect(clock.boundMs).toBeLessThan(50);
  expect(Math.abs(clock.offsetMs - AHEAD_MS)).toBeLessThanOrEqual(clock.boundMs);

  const joined = joinedTrace(joins, joins[0]?.acceptorTraceId ?? '');
  const ofTrace = spans.filter((span) => joined.rawTraceIds.includes(span.traceId));
  const view = viewTrace({ joined, spans: ofTrace, joins, clocks: { reference, estimates } });
  const [dialled, accepted] = view.spans.filter((span) => span.name === SPAN.stream);
  expect(view.traceId).toBe(joins[0]?.diallerTraceId);
  expect(accepted).toMatchObject({ nodeId: watch.node.nodeId, flow: { joined: true }, clock: { state: 'moved' } });
  expect(view.spans[accepted?.parentIndex ?? -1]).toBe(dialled);
  expect(Math.abs((accepted?.startMs ?? 0) - (dialled?.startMs ?? 0))).toBeLessThan(1_000);
});
