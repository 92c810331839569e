import { implement } from '@orpc/server';
import { contract } from '../../node-core/contract/contract.ts';
import type { Agent, GraphUpdate } from '../../node-core/contract/graph.ts';
import type { LogEvent } from '../../node-core/contract/log.ts';
import type { DeckStatus } from '../../node-core/contract/status.ts';
import type { Trace, TracePart, TraceSummary, VolumeBucket } from '../../node-core/contract/trace.ts';
import { partsOf } from '../../node-core/contract/trace-parts.ts';
import { anUpdate } from './graph-update.ts';
import { emptyFleet, eventsOf, type Fleet, fleetOf, SELF, statusOf } from './invented-fleet.ts';
import { tracesOf } from './invented-traces.ts';
import { withStrangeText } from './strange-text.ts';

/**
 * Stands in for the deck host in tests of the window: answers the contract with a small invented fleet that behaves the
 * same in every run. It holds no logic of the product; what it tells is set by its test.
 */
export interface DeckDouble {
  readonly router: ReturnType<typeof routerOf>;
  readonly calls: string[];
  /** As it was at first. @throws when there is none of that name */
  agent(hostname: string): Agent;
  /** Tells every open graph feed a change. */
  change(update: Partial<GraphUpdate>): void;
  setStatus(change: Partial<DeckStatus>): void;
  log(event: Omit<LogEvent, 'id'>): void;
}

/**
 * A fleet of 24 agents and an operator's node, all facts as of `now`. `strange` stands behind every name and word that
 * comes from others.
 */
export function createDeckDouble(
  now: number,
  options: { readonly empty?: boolean; readonly strange?: string } = {},
): DeckDouble {
  const { empty = false, strange = '' } = options;
  const fleet = withStrangeText(empty ? emptyFleet(now) : fleetOf(now), strange);
  const status = { value: withStrangeText(statusOf(now, fleet.agents.length), strange) };
  const calls: string[] = [];
  const graphFeeds = new Set<(update: GraphUpdate) => void>();
  const statusFeeds = new Set<() => void>();
  const logFeeds = new Set<(events: LogEvent[]) => void>();
  const events = empty ? [] : withStrangeText(eventsOf(now), strange);
  let revision = 0;
  const router = routerOf({
    fleet,
    status,
    calls,
    graphFeeds,
    statusFeeds,
    logFeeds,
    events,
    traces: withStrangeText(tracesOf(now), strange),
  });
  return {
    router,
    calls,
    agent: (hostname) => {
      const agent = fleet.agents.find((each) => each.hostname === hostname);
      if (agent === undefined) throw new Error(`no agent is called ${hostname}`);
      return agent;
    },
    change: (update) => {
      const next = anUpdate({ at: Date.now(), revision: ++revision, ...update });
      for (const push of graphFeeds) push(next);
    },
    setStatus: (change) => {
      status.value = { ...status.value, ...change };
      for (const push of statusFeeds) push();
    },
    log: (event) => {
      const numbered = { ...event, id: (events.at(-1)?.id ?? 0) + 1 };
      events.push(numbered);
      for (const push of logFeeds) push([numbered]);
    },
  };
}

interface DoubleState {
  readonly fleet: Fleet;
  readonly status: { value: DeckStatus };
  readonly calls: string[];
  readonly graphFeeds: Set<(update: GraphUpdate) => void>;
  readonly statusFeeds: Set<() => void>;
  readonly logFeeds: Set<(events: LogEvent[]) => void>;
  readonly events: LogEvent[];
  readonly traces: Trace[];
}

function routerOf(state: DoubleState) {
  const os = implement(contract);
  const { fleet, calls } = state;
  return os.router({
    status: {
      watch: os.status.watch.handler(async function* ({ signal }) {
        while (signal?.aborted !== true) {
          yield { ...state.status.value, at: Date.now() };
          await pushedOr(state.statusFeeds, 1_000);
        }
      }),
    },
    graph: {
      watch: os.graph.watch.handler(async function* ({ signal }) {
        const queue = queueOf(state.graphFeeds);
        try {
          yield anUpdate({ kind: 'snapshot', at: Date.now(), revision: 0, self: SELF, ...fleet });
          while (signal?.aborted !== true) yield await queue.next();
        } finally {
          queue.end();
        }
      }),
      directory: os.graph.directory.handler(() => ({ nodes: [], matched: 0 })),
      confirm: os.graph.confirm.handler(({ input }) => {
        calls.push(`confirm ${input.revision}`);
      }),
    },
    peer: {
      ping: os.peer.ping.handler(({ input, errors }) => {
        calls.push(`ping ${input.nodeId}`);
        const agent = fleet.agents.find((each) => each.nodeId === input.nodeId);
        if (agent?.live !== true) throw errors['peer.silent']();
        return { rttMs: 12.4, path: 'direct' as const };
      }),
      trust: os.peer.trust.handler(({ input }) => {
        calls.push(
          `trust ${input.peers.map(({ nodeId, publicKey = 'as known' }) => `${nodeId} ${publicKey.slice(0, 8)}`).join()}`,
        );
      }),
      untrust: os.peer.untrust.handler(({ input }) => {
        calls.push(`untrust ${input.nodeId}`);
      }),
    },
    group: {
      join: os.group.join.handler(({ input }) => {
        calls.push(`join ${input.groupId}`);
        pushGroup(state, input.groupId, true);
      }),
      leave: os.group.leave.handler(({ input }) => {
        calls.push(`leave ${input.groupId}`);
        pushGroup(state, input.groupId, false);
      }),
      pingAll: os.group.pingAll.handler(async function* ({ input, signal }) {
        const members = fleet.agents.filter((agent) => agent.groupIds.includes(input.groupId));
        for (let done = 0; done <= members.length && signal?.aborted !== true; done++) {
          yield { total: members.length, done, results: members.map((agent, index) => pingRow(agent, index < done)) };
          await new Promise((resolve) => setTimeout(resolve, 120));
        }
      }),
    },
    trace: {
      search: os.trace.search.handler(({ input }) => {
        const found = state.traces.filter((trace) => fits(trace, input)).slice(0, input.limit);
        return { traces: found.map(summaryOf), matched: found.length, total: state.traces.length };
      }),
      tail: os.trace.tail.handler(async function* () {
        yield [];
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }),
      get: os.trace.get.handler(async ({ input, errors }) => {
        const trace = state.traces.find((each) => each.rawTraceIds.includes(input.traceId));
        if (trace === undefined) throw errors['trace.not-found']();
        return partByPart(trace);
      }),
      paths: os.trace.paths.handler(({ input }) =>
        state.traces
          .filter(({ traceId }) => input.traceIds.includes(traceId))
          .map(({ traceId, durationMs, criticalPath }) => ({ traceId, durationMs, criticalPath })),
      ),
      export: os.trace.export.handler(({ input }) => {
        const spans = state.traces
          .filter((trace) => input.traceIds.includes(trace.traceId))
          .flatMap((trace) => trace.spans);
        calls.push(`export ${input.traceIds.length} ${input.joined ? 'joined' : 'raw'}`);
        const otlp = spans.map(({ traceId, spanId, name }) => ({ traceId, spanId, name }));
        return {
          json: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: otlp }] }] }),
          spans: spans.length,
          total: spans.length,
        };
      }),
      volume: os.trace.volume.handler(({ input }) => (fleet.agents.length < 2 ? [] : volumeOf(input))),
    },
    log: {
      watch: os.log.watch.handler(async function* ({ signal }) {
        const queue = queueOf(state.logFeeds);
        try {
          yield state.events;
          while (signal?.aborted !== true) yield await queue.next();
        } finally {
          queue.end();
        }
      }),
    },
  });
}

function queueOf<T>(feeds: Set<(item: T) => void>) {
  const waiting: T[] = [];
  let wake: (() => void) | undefined;
  const push = (item: T) => {
    waiting.push(item);
    wake?.();
  };
  feeds.add(push);
  return {
    next: async (): Promise<T> => {
      for (let item = waiting.shift(); ; item = waiting.shift()) {
        if (item !== undefined) return item;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    end: () => feeds.delete(push),
  };
}

async function pushedOr(feeds: Set<() => void>, ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      feeds.delete(done);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(done, ms);
    feeds.add(done);
  });
}

function pushGroup(state: DoubleState, groupId: number, joined: boolean): void {
  const at = state.fleet.groups.findIndex((group) => group.groupId === groupId);
  const group = state.fleet.groups[at];
  if (group === undefined) return;
  const changed = { ...group, joined };
  state.fleet.groups[at] = changed;
  for (const push of state.graphFeeds) push(anUpdate({ at: Date.now(), groups: [changed] }));
}

function volumeOf(input: { fromMs: number; toMs: number; buckets: number }): VolumeBucket[] {
  const width = (input.toMs - input.fromMs) / input.buckets;
  return Array.from({ length: input.buckets }, (_, index) => ({
    at: input.fromMs + index * width,
    spans: 40 + ((index * 7_919) % 37) + Math.round(12 * Math.sin(index / 9)),
    errors: index > 76 && index < 82 ? 9 : 0,
  }));
}

function pingRow(agent: Agent, done: boolean) {
  const { nodeId, hostname } = agent;
  if (!done) return { nodeId, hostname, state: 'waiting' as const };
  if (!agent.live) return { nodeId, hostname, state: 'silent' as const };
  return { nodeId, hostname, state: 'answered' as const, rttMs: agent.rtt?.value ?? 0.2, path: 'direct' as const };
}

function fits(
  trace: Trace,
  query: { text?: string | undefined; minDurationMs?: number | undefined; status?: string | undefined },
): boolean {
  if (query.text !== undefined && !trace.title.toLowerCase().includes(query.text.toLowerCase())) return false;
  if (query.minDurationMs !== undefined && trace.durationMs < query.minDurationMs) return false;
  return query.status !== 'error' || trace.spans.some((span) => span.status === 'error');
}

function summaryOf(trace: Trace): TraceSummary {
  return {
    traceId: trace.traceId,
    rawTraceIds: trace.rawTraceIds,
    title: trace.title,
    startUnixMs: trace.startUnixMs,
    durationMs: trace.durationMs,
    spans: trace.totalSpans,
    errors: trace.spans.filter((span) => span.status === 'error').length,
    services: trace.agents.map((agent) => agent.service),
    nodeIds: trace.agents.flatMap((agent) => (agent.nodeId === undefined ? [] : [agent.nodeId])),
    groupIds: [12, 14],
  };
}

async function* partByPart(trace: Trace): AsyncGenerator<TracePart, void, undefined> {
  yield* partsOf(trace);
}
