import { setTimeout as sleep } from 'node:timers/promises';
import { utf8 } from '../base/bytes.ts';
import { ATTR, type Span, type SpanContext, type Tracer } from '../base/tracer.ts';
import type { Endpoint } from '../base/transport.ts';
import { SystemClock } from '../io/system-clock.ts';
import { loadIdentity } from '../runtime/identity-file.ts';
import { createProfile } from '../runtime/profile.ts';
import { RunningNode } from '../runtime/running-node.ts';
import { createTracer, encodeReport, nodeResource } from '../runtime/telemetry.ts';
import { VERSION } from '../runtime/version.ts';
import { DataExchangeService, type DataMessage, type DataReply } from '../services/data-exchange.ts';
import { echoService } from '../services/echo.ts';
import { NatSocket } from '../testbed/nat-socket.ts';
import { PORT } from '../wire/packet.ts';
import { GroupQuery } from './group-query.ts';
import { type FindCollector, OverlayExporter } from './overlay-exporter.ts';
import type { RosterEntry } from './roster.ts';
import { parseTraceparent } from './trace-context.ts';
import { type AskStep, answerSteps, type Errand, errandsOf, type Step, type WorkStep } from './workload.ts';

export interface FleetNetwork {
  readonly registry: Endpoint;
  readonly registryFingerprint?: string | undefined;
  readonly beacon: Endpoint;
  /** Where the identities of the agents are kept, so that an agent comes back as itself. */
  readonly folder: string;
  readonly collector: FindCollector;
  readonly sendsContext: () => boolean;
  /** False lifts what is bounded per second. */
  readonly rateLimits: boolean;
}

/** Pause between two errands of one agent. */
const PAUSE_MS = { min: 1_500, max: 4_000 } as const;

/** One agent of the demo fleet: a whole node behind its own NAT, with work of its own. */
export class FleetAgent {
  readonly entry: RosterEntry;
  readonly node: RunningNode;
  readonly #nat: NatSocket;
  readonly #network: FleetNetwork;
  readonly #clock: SystemClock;
  readonly #tracer: Tracer;
  readonly #exporter: OverlayExporter;
  readonly #query: GroupQuery;
  readonly #groups = new Map<string, number>();
  #stopped = false;

  private constructor(
    entry: RosterEntry,
    network: FleetNetwork,
    nat: NatSocket,
    clock: SystemClock,
    identity: Awaited<ReturnType<typeof loadIdentity>>,
  ) {
    this.entry = entry;
    this.#network = network;
    this.#nat = nat;
    this.#clock = clock;
    const { hostname, tag } = entry;
    const resource = nodeResource(hostname, identity.publicKey);
    this.#tracer = createTracer(resource, (span) => this.#exporter.addSpan(span));
    this.node = new RunningNode({
      identity,
      profile: createProfile({ listen: nat.local, version: VERSION, hostname, tags: [tag], public: true }),
      socket: nat,
      registry: network.registry,
      registryFingerprint: network.registryFingerprint,
      beacon: network.beacon,
      clock,
      clockEpoch: () => clock.epoch,
      tracer: this.#tracer,
      untracedPorts: [PORT.telemetry],
      rateLimits: network.rateLimits,
      exportCounts: () => this.#exporter.counts,
      onReports: (reports) => this.#exporter.addLogs(reports.map((report) => encodeReport(report, resource))),
    });
    this.#exporter = new OverlayExporter(this.node, network.collector);
    this.#query = new GroupQuery(this.node, this.#tracer, clock, network.sendsContext);
    this.node.serve(echoService);
    this.node.serve(new DataExchangeService((message, reply) => void this.#answer(message, reply)));
  }

  static async start(entry: RosterEntry, network: FleetNetwork): Promise<FleetAgent> {
    const clock = new SystemClock(entry.clockAheadMs);
    const identity = await loadIdentity(`${network.folder}/${entry.hostname}.json`, () => {});
    const nat = await NatSocket.open(entry.nat, '127.0.0.1', clock);
    const agent = new FleetAgent(entry, network, nat, clock, identity);
    await agent.node.registered();
    await agent.#joinGroup();
    void agent.#work();
    return agent;
  }

  get natCounters() {
    return { kind: this.#nat.kind, ...this.#nat.counters };
  }

  setNat(kind: RosterEntry['nat']): void {
    this.#nat.setKind(kind, this.#network.beacon);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#exporter.stop();
    await this.node.stop();
  }

  async #joinGroup(): Promise<void> {
    await this.#readGroups();
    const groupId = this.#groups.get(this.entry.group);
    if (groupId !== undefined) await this.node.join(groupId, '');
  }

  async #readGroups(): Promise<void> {
    const { networks } = await this.node.ask('list_networks', {});
    for (const { name, networkId } of networks) this.#groups.set(name, networkId);
  }

  /** Runs this agent's errands one after another, for ever. */
  async #work(): Promise<void> {
    const errands = errandsOf(this.entry.hostname);
    for (let turn = 0; errands.length > 0 && !this.#stopped; turn++) {
      await sleep(between(PAUSE_MS.min, PAUSE_MS.max));
      if (this.#network.collector() === undefined) continue; // nobody would see it
      await this.#run(errands[turn % errands.length] as Errand);
    }
  }

  async #run(errand: Errand): Promise<void> {
    const span = this.#start(`invoke_agent ${this.entry.hostname}`, undefined, {
      [ATTR.title]: errand.title,
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': this.entry.hostname,
    });
    await this.#runSteps(errand.steps, span).then(
      () => span.end(this.#clock.now().unixNano),
      (error: Error) => span.end(this.#clock.now().unixNano, { code: 'error', message: error.message }),
    );
  }

  async #runSteps(steps: readonly Step[], span: Span): Promise<void> {
    for (const step of steps) {
      if ('ask' in step) await this.#ask(step, span.context);
      else await this.#do(step, span.context);
    }
  }

  async #ask({ ask }: AskStep, parent: SpanContext): Promise<void> {
    const groupId = this.#groups.get(ask.group);
    if (groupId === undefined) {
      await this.#readGroups();
      throw new Error(`there is no group ${ask.group} yet`);
    }
    await this.#query.ask({ groupId, capability: ask.capability, text: ask.question }, parent);
  }

  async #do(step: WorkStep, parent: SpanContext): Promise<void> {
    const span = this.#start(step.name, parent, step.attributes ?? {});
    await sleep(between(step.minMs, step.maxMs));
    const failed = step.fails !== undefined && Math.random() < step.fails.share;
    if (!failed) return span.end(this.#clock.now().unixNano);
    const message = step.fails?.message ?? '';
    span.end(this.#clock.now().unixNano, { code: 'error', message });
    throw new Error(message);
  }

  /** Answers a question that came as JSON; anything else was only acknowledged. */
  async #answer(message: DataMessage, reply: DataReply): Promise<void> {
    const question = message.kind === 'json' ? parseQuestion(message.payload) : undefined;
    if (question === undefined) return;
    const caller = parseTraceparent(question.traceparent);
    if (caller !== undefined) message.link(caller);
    const span = this.#tracer.startSpan(`execute_tool ${question.capability}`, {
      at: this.#clock.now().unixNano,
      kind: 'server',
      parent: message.span,
      attributes: {
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': question.capability,
        [ATTR.groupId]: message.groupId,
        [ATTR.peerNodeId]: message.peerNodeId,
      },
      ...(caller === undefined ? {} : { links: [caller] }),
    });
    let answer: Record<string, string>;
    try {
      await this.#runSteps(answerSteps(question.capability), span);
      answer = { answer: `${this.entry.hostname}: ${question.text}` };
      span.end(this.#clock.now().unixNano);
    } catch (error) {
      answer = { error: (error as Error).message };
      span.end(this.#clock.now().unixNano, { code: 'error', message: (error as Error).message });
    }
    this.node.run((core, now) => {
      core.countRequest('error' in answer);
      reply('json', utf8(JSON.stringify(answer)), now);
    });
  }

  #start(name: string, parent: SpanContext | undefined, attributes: Readonly<Record<string, string>>): Span {
    return this.#tracer.startSpan(name, { at: this.#clock.now().unixNano, parent, attributes });
  }
}

interface ReceivedQuestion {
  readonly capability: string;
  readonly text: string;
  readonly traceparent: unknown;
}

function parseQuestion(payload: Uint8Array): ReceivedQuestion | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(payload));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const capability = Reflect.get(value, 'capability');
  const text = Reflect.get(value, 'question');
  const meta: unknown = Reflect.get(value, '_meta');
  const traceparent = typeof meta === 'object' && meta !== null ? Reflect.get(meta, 'traceparent') : undefined;
  return typeof capability === 'string' && typeof text === 'string'
    ? { capability: capability.slice(0, 64), text: text.slice(0, 1_024), traceparent }
    : undefined;
}

function between(min: number, max: number): number {
  return min + Math.random() * (max - min);
}
