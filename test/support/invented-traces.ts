import type { Trace, TraceSpan } from '../../node-core/contract/trace.ts';
import { BEACON, hex } from './invented-fleet.ts';

const TITLES = [
  'Issuers with a 10-K due whose certificate ends in 30 days',
  'SEC 10-K filings for issuer 0000884213',
  'Certificate records for harborline.example',
  '8-K filings since 1 Nov, semiconductors',
  'Fare change LIS to BER against FX at booking',
];

/** 143 traces of one shape, the newest a second old. */
export function tracesOf(now: number): Trace[] {
  return Array.from({ length: 143 }, (_, index) => {
    return traceOf(
      hex(0x4f9c_2a00 + index, 32).toLowerCase(),
      TITLES[index % TITLES.length] ?? '',
      now - 1_000 - index * 9_000,
    );
  });
}

type SpanSeed = readonly [
  parent: number,
  service: string,
  name: string,
  category: TraceSpan['category'],
  start: number,
  length: number,
  critical: boolean,
];

const SPANS: readonly SpanSeed[] = [
  [-1, 'desk-1', 'invoke_agent expiring issuers', 'container', 0, 912, false],
  [0, 'desk-1', 'chat plan', 'model', 6, 166, true],
  [0, 'desk-1', 'pilot.dial', 'setup', 174, 114, true],
  [2, 'desk-1', 'pilot.resolve', 'setup', 174, 6, false],
  [2, 'desk-1', 'pilot.key_exchange', 'setup', 180, 108, false],
  [0, 'desk-1', 'pilot.stream', 'relay', 288, 470, true],
  [5, 'filings-2', 'pilot.stream', 'relay', 306, 434, false],
  [6, 'filings-2', 'execute_tool sec.filings.search', 'container', 352, 300, false],
  [7, 'filings-2', 'wait for a free worker', 'queue', 352, 38, true],
  [7, 'filings-2', 'chat pick forms', 'model', 390, 122, true],
  [7, 'filings-2', 'GET full-text index', 'work', 512, 138, true],
  [0, 'desk-1', 'pilot.stream', 'network', 174, 190, false],
  [11, 'ct-watch', 'pilot.stream', 'network', 178, 180, false],
  [12, 'ct-watch', 'execute_tool ct.records.search', 'container', 196, 148, false],
  [13, 'ct-watch', 'query shard', 'work', 204, 60, false],
  [13, 'ct-watch', 'query shard', 'work', 206, 78, false],
  [13, 'ct-watch', 'query shard', 'work', 208, 30, false],
  [13, 'ct-watch', 'query shard 3', 'work', 204, 100, false],
  [13, 'ct-watch', 'query shard 3, again', 'work', 306, 34, false],
  [0, 'desk-1', 'pilot.stream', 'network', 758, 14, true],
  [0, 'desk-1', 'chat write answer', 'model', 774, 132, true],
];

function traceOf(traceId: string, title: string, startUnixMs: number): Trace {
  const spans = SPANS.map((seed, index) => spanOf(seed, index, traceId, startUnixMs));
  return {
    traceId,
    rawTraceIds: [traceId, traceId.replace(/^0/, 'b')],
    title,
    startUnixMs,
    durationMs: 912,
    spans,
    totalSpans: spans.length,
    agents: ['desk-1', 'filings-2', 'ct-watch'].map((service) => ({
      service,
      spans: spans.filter((span) => span.service === service).length,
    })),
    criticalPath: { model: 420, work: 162, setup: 114, relay: 114, network: 64, queue: 38 },
    notes: [],
  };
}

function spanOf(seed: SpanSeed, index: number, traceId: string, startUnixMs: number): TraceSpan {
  const [parentIndex, service, name, category, startMs, durationMs, onCriticalPath] = seed;
  const ahead = service === 'ct-watch' ? 3_000.2 : 0;
  const failed = name === 'query shard 3';
  const stream = name === 'pilot.stream';
  const acceptor = stream && service !== 'desk-1';
  const flowNumber = acceptor ? parentIndex : index;
  const startNano = BigInt(Math.round((startUnixMs + startMs + ahead) * 1e6));
  return {
    traceId: acceptor ? traceId.replace(/^0/, 'b') : traceId,
    spanId: hex(index + 1, 16).toLowerCase(),
    ...(parentIndex < 0 ? {} : { parentSpanId: hex(parentIndex + 1, 16).toLowerCase() }),
    parentIndex,
    depth: depthOf(parentIndex),
    name,
    kind: stream ? (acceptor ? 'server' : 'client') : 'internal',
    status: failed ? 'error' : 'unset',
    statusMessage: failed ? 'timeout' : '',
    service,
    authenticated: true,
    groupId: service === 'desk-1' ? 14 : service === 'filings-2' ? 12 : 13,
    category,
    ...(stream ? { path: category === 'relay' ? ('relay' as const) : ('direct' as const) } : {}),
    startMs,
    durationMs,
    rawStartMs: startMs + ahead,
    startTimeUnixNano: String(startNano),
    endTimeUnixNano: String(startNano + BigInt(durationMs * 1e6)),
    clock: service === 'ct-watch' ? { state: 'moved', offsetMs: ahead, boundMs: 0.4 } : { state: 'reference' },
    ...(stream ? { flow: flowFacts(flowNumber, acceptor, index === 17) } : {}),
    attributes: stream
      ? {
          'pilot.path': category === 'relay' ? 'relay' : 'direct',
          'pilot.port': 1_001,
          'pilot.bytes.sent': 2_104,
          'pilot.bytes.received': 41_208,
          'network.transport': 'udp',
          ...(category === 'relay' ? { 'pilot.relay.beacon': BEACON } : {}),
        }
      : { 'gen_ai.tool.name': name },
    resource: { 'service.name': service },
    scope: { name: 'pilot', version: '0.1.0' },
    events: stream ? [{ name: 'pilot.syn.sent', at: startUnixMs + startMs, attributes: {} }] : [],
    links: [],
    onCriticalPath,
  };
}

function depthOf(parent: number): number {
  let depth = 0;
  for (let at = parent; at >= 0; at = SPANS[at]?.[0] ?? -1) depth++;
  return depth;
}

function flowFacts(number: number, acceptor: boolean, alone: boolean): NonNullable<TraceSpan['flow']> {
  return {
    flowId: hex(number, 32).toLowerCase(),
    role: acceptor ? 'acceptor' : 'dialler',
    otherEnd: alone ? 'not heard' : 'heard',
    joined: !alone,
  };
}
