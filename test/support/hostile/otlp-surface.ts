import { Agent, type ClientRequestArgs, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { AttributeValue } from '../../../node-core/base/tracer.ts';
import { ATTR } from '../../../node-core/base/tracer.ts';
import { attributeListOf } from '../../../node-core/collector/attribute-list.ts';
import type { RecordedLog } from '../../../node-core/collector/log-record.ts';
import { encodeLogsRequest, encodeTracesRequest } from '../../../node-core/collector/otlp/otlp-encode.ts';
import { encodeTracesJson } from '../../../node-core/collector/otlp/otlp-encode-json.ts';
import { encodeFlowReport, encodeNodeReport, encodeTunnelReport } from '../../../node-core/collector/report-codec.ts';
import type { SpanRecord } from '../../../node-core/collector/span.ts';
import type { RunningNode } from '../../../node-core/runtime/running-node.ts';
import { PORT } from '../../../node-core/wire/packet.ts';
import { parseRegistryMessage } from '../../../node-core/wire/registry-message.ts';
import { aSpan, at, FlowOnTheWire, resourceOf, spanIdOf } from '../spans.ts';
import type { HostileInput } from './hostile-input.ts';
import type { Malice, Surface } from './surface.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';
/** What the receiver grants one peer at once: streams beyond it are reset, and their requests get no answer. */
const STREAMS = 8;
const ANSWER_MS = 20_000;

interface Sent {
  readonly path: string;
  readonly type: string;
  readonly body: Uint8Array;
  readonly coding?: string;
}

/** How often the receiver answered with which status; `no answer` for a connection that ended without one. */
export type Answers = ReadonlyMap<number | 'no answer', number>;

/** The OTLP receiver: on loopback for everybody, and over the overlay for a trusted peer that lies. */
export class OtlpSurface implements Surface {
  readonly name = 'OTLP receiver';
  readonly atOnce = 3 * STREAMS; // a third of them over the overlay
  readonly #input: HostileInput;
  readonly #plain = new Agent({ keepAlive: true, maxSockets: 32 });
  readonly #overlay: OverlayAgent;
  readonly #address: string;
  readonly #others: readonly number[];
  readonly #answers = new Map<number | 'no answer', number>();

  /** @param peer - A node whose telemetry the collector's node takes. */
  constructor(address: string, peer: RunningNode, collector: number, others: readonly number[], input: HostileInput) {
    this.#address = address;
    this.#input = input;
    this.#others = others;
    this.#overlay = new OverlayAgent(peer, collector);
  }

  get answers(): Answers {
    return this.#answers;
  }

  async hurl(malice: Malice): Promise<void> {
    const answer = await this.#post(this.#sent(malice), malice === 'wrong inside');
    this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1);
  }

  async close(): Promise<void> {
    this.#plain.destroy();
    this.#overlay.destroy();
  }

  #sent(malice: Malice): Sent {
    const input = this.#input;
    switch (malice) {
      case 'random': {
        const type = input.pick([PROTOBUF, JSON_TYPE]);
        const body = input.bytes(input.upTo(300));
        return { path: this.#path(), type, body, ...(input.chance(0.3) ? { coding: 'gzip' } : {}) };
      }
      case 'damaged':
        return this.#damaged();
      case 'wrong inside':
        return this.#wrongInside();
      default:
        return malice satisfies never;
    }
  }

  #path(): string {
    return this.#input.chance(0.5) ? '/v1/traces' : '/v1/logs';
  }

  /** A true export, bent after it was encoded or packed. */
  #damaged(): Sent {
    const input = this.#input;
    const spans = this.#spans();
    switch (input.upTo(4)) {
      case 0:
        return { path: '/v1/traces', type: PROTOBUF, body: input.mutated(encodeTracesRequest(spans)) };
      case 1: {
        const text = new TextEncoder().encode(encodeTracesJson(spans));
        return { path: '/v1/traces', type: JSON_TYPE, body: input.mutated(text) };
      }
      case 2: {
        const body = input.mutated(gzipSync(encodeTracesRequest(spans)));
        return { path: '/v1/traces', type: PROTOBUF, body, coding: 'gzip' };
      }
      default:
        return { path: '/v1/logs', type: PROTOBUF, body: input.mutated(encodeLogsRequest([this.#report()])) };
    }
  }

  /** Whole exports of what is not true, or not possible. */
  #wrongInside(): Sent {
    const input = this.#input;
    switch (input.upTo(4)) {
      case 0:
        return { path: '/v1/logs', type: PROTOBUF, body: encodeLogsRequest([this.#report()]) };
      case 1: {
        const json = parseRegistryMessage(new TextEncoder().encode(encodeTracesJson(this.#spans())));
        const spoiled = JSON.stringify(input.spoiled(json));
        return { path: this.#path(), type: JSON_TYPE, body: new TextEncoder().encode(spoiled) };
      }
      case 2: {
        const body = gzipSync(encodeTracesRequest(this.#spans()));
        return { path: '/v1/traces', type: PROTOBUF, body, coding: 'gzip' };
      }
      default:
        return { path: '/v1/traces', type: PROTOBUF, body: encodeTracesRequest(this.#spans()) };
    }
  }

  /** Spans with claims about flows of others, ids of others, times out of any order and values at the edges. */
  #spans(): SpanRecord[] {
    const input = this.#input;
    return Array.from({ length: 1 + input.upTo(3) }, () => {
      const [dialler, acceptor] = [this.#nodeId(), this.#nodeId()];
      const flow = new FlowOnTheWire(dialler, acceptor, input.uint32(), input.uint32());
      const role = input.chance(0.5) ? 'dialler' : 'acceptor';
      const times = { startTimeUnixNano: this.#time(), endTimeUnixNano: this.#time() };
      const span = role === 'dialler' ? flow.dialled(1, undefined, [0, 1]) : flow.accepted(1, undefined, [0, 1]);
      const attributes = [
        ...span.attributes,
        ...attributeListOf({ [ATTR.groupId]: this.#value(), junk: this.#value() }),
      ];
      return {
        ...aSpan(1, undefined),
        ...span,
        ...times,
        traceId: this.#id(32),
        spanId: this.#id(16),
        parentSpanId: input.chance(0.5) ? '' : this.#id(16),
        name: input.pick([span.name, '', 'x'.repeat(5_000), '\u0000\u202e', 'a']),
        kind: input.upTo(9),
        status: { code: input.upTo(4), message: input.pick(['', '\ufffd', 'x'.repeat(3_000)]) },
        resource: resourceOf(input.pick(['', 'flightdeck', 'x'.repeat(1_000), `service-${input.upTo(10_000)}`])),
        attributes: input.chance(0.3) ? input.pick([attributes.slice(0, 3), attributes.reverse(), []]) : attributes,
        links: [{ ...EMPTY_LINK, traceId: this.#id(32), spanId: this.#id(16) }],
      };
    });
  }

  /** Reports about tunnels and flows of others, with figures that cannot be. */
  #report(): RecordedLog {
    const input = this.#input;
    const moment = this.#time();
    const count = () => input.pick([0, 1, -1, Number.MAX_SAFE_INTEGER, input.uint32()]);
    const resource = resourceOf(`service-${input.upTo(10_000)}`);
    const traffic = { bytesSent: count(), bytesReceived: count() };
    switch (input.upTo(3)) {
      case 0: {
        const names = Array.from({ length: input.upTo(80) }, () => 'x'.repeat(input.upTo(400)));
        const counts = {
          clockEpoch: count(),
          requests: count(),
          failures: count(),
          recorded: count(),
          exportDropped: count(),
        };
        const node = { hostname: 'flightdeck', tags: names, groupIds: [count(), 1], version: 'v', startedAt: moment };
        return encodeNodeReport({ ...node, ...counts }, moment, resource);
      }
      case 1: {
        const packets = { packetsSent: count(), packetsReceived: count(), epoch: count(), openStreams: count() };
        const times = { pathSince: this.#time(), keySince: this.#time(), lastHeard: this.#time() };
        const path = input.pick(['relay', 'direct', 'lan', 'unknown'] as const);
        const measured = { rttMs: input.pick([0, -1, 1e300]), lossRatio: input.pick([0, 1, 2]), relayBeacon: 'x' };
        const report = { peerNodeId: this.#nodeId(), state: 'established', path, ...measured, ...traffic } as const;
        return encodeTunnelReport({ ...report, ...packets, ...times }, moment, resource);
      }
      default: {
        const flow = new FlowOnTheWire(this.#nodeId(), this.#nodeId(), input.uint32(), input.uint32());
        const state = input.chance(0.8) ? 'open' : 'closed';
        const ends = { flowId: flow.flowId, role: 'dialler', state, peerNodeId: this.#nodeId() } as const;
        const where = { groupId: count(), port: count(), openedAt: this.#time() };
        return encodeFlowReport({ ...ends, ...where, ...traffic }, moment, resource);
      }
    }
  }

  #nodeId(): number {
    return this.#input.chance(0.6) ? this.#input.pick(this.#others) : 1 + this.#input.upTo(0xffff_fffe);
  }

  /** Of a few traces that grow, or new ones. */
  #id(digits: 16 | 32): string {
    const known = this.#input.upTo(50);
    if (this.#input.chance(0.3)) return spanIdOf(known).padStart(digits, '0');
    const bytes = this.#input.bytes(digits / 2);
    return Buffer.from(bytes).toString('hex');
  }

  #time(): bigint {
    const edges = [0n, 1n, 2n ** 63n - 1n, 2n ** 64n - 1n];
    return this.#input.chance(0.3) ? this.#input.pick(edges) : at(this.#input.upTo(1e9));
  }

  #value(): AttributeValue {
    return this.#input.pick<AttributeValue>([
      -1,
      1e308,
      Number.NaN,
      'x'.repeat(2_000),
      ['a', '\u0000'],
      2n ** 63n,
      true,
    ]);
  }

  #post({ path, type, body, coding }: Sent, overlay: boolean): Promise<number | 'no answer'> {
    const [host, port] = this.#address.split(':');
    const target = overlay ? { agent: this.#overlay, host: 'localhost' } : { agent: this.#plain, host, port };
    const headers = {
      'content-type': type,
      'content-length': body.length,
      ...(coding === undefined ? {} : { 'content-encoding': coding }),
    };
    return new Promise((resolve) => {
      const outgoing = request({ ...target, method: 'POST', path, headers }, (reply) => {
        reply.resume();
        reply.on('close', () => resolve(reply.statusCode ?? 'no answer'));
      });
      const deadline = setTimeout(() => outgoing.destroy(new Error('no answer in time')), ANSWER_MS);
      outgoing.on('close', () => clearTimeout(deadline));
      outgoing.on('error', () => resolve('no answer'));
      outgoing.end(body);
    });
  }
}

const EMPTY_LINK = { traceState: '', attributes: [], droppedAttributesCount: 0, flags: 0 };

/** Node's HTTP client over streams to the collector's port of a node. */
class OverlayAgent extends Agent {
  readonly #node: RunningNode;
  readonly #collector: number;

  constructor(node: RunningNode, collector: number) {
    super({ keepAlive: true, maxSockets: STREAMS });
    this.#node = node;
    this.#collector = collector;
  }

  override createConnection(
    _options: ClientRequestArgs,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#node.dial({ nodeId: this.#collector, groupId: 0, port: PORT.telemetry }).then(
      ({ duplex }) => done?.(null, duplex),
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}
