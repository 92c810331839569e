import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Tracer } from '../base/tracer.ts';
import type { Agent } from '../contract/graph.ts';
import type { RunningNode } from '../runtime/running-node.ts';
import { PORT } from '../wire/packet.ts';

/** What of a running node a probe uses. */
export type ProbingNode = Pick<RunningNode, 'dial'>;

/** Least time between two rounds: what a probe showed arrives with its peer's next export. */
const ROUND_MS = 2_000;
const UNKNOWN_PER_ROUND = 4;
/** A bound wider than this is narrowed again. Clocks that drift by 100 ppm reach it in some minutes. */
const WIDE_MS = 20;
/** An agent is tried again after this, then after twice as long each time: on a busy machine the first try is a poor one. */
const AGAIN_AFTER_MS = 5_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Opens a short stream to each agent whose clock this node has not measured itself, or not well, since its handshake is a
 * measurement. Streams that carry telemetry are not traced, so without this a node that only watches would share no
 * handshake with anybody. What others say of a clock, however exact, spares no agent its probe: they may lie.
 */
export class ClockProbe {
  readonly #node: ProbingNode;
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  readonly #tried = new Map<number, { readonly at: number; readonly times: number }>();
  #roundAt = Number.NEGATIVE_INFINITY;

  constructor(node: ProbingNode, tracer: Tracer, clock: Clock) {
    this.#node = node;
    this.#tracer = tracer;
    this.#clock = clock;
  }

  /** Looks at the agents as they are now; may be called as often as they are drawn. */
  consider(agents: Iterable<Agent>): void {
    const now = this.#clock.now().monotonicMs;
    if (now - this.#roundAt < ROUND_MS) return;
    this.#roundAt = now;
    const all = [...agents];
    const due = all.filter((agent) => this.#isDue(agent, now));
    const unknown = due
      .filter((agent) => !isMeasured(agent))
      .sort((one, other) => this.#lastTried(one) - this.#lastTried(other))
      .slice(0, UNKNOWN_PER_ROUND);
    const widest = due.reduce<Agent | undefined>(wider, undefined);
    const chosen = unknown.length > 0 || widest === undefined ? unknown : [widest];
    for (const agent of chosen) {
      this.#tried.set(agent.nodeId, { at: now, times: (this.#tried.get(agent.nodeId)?.times ?? 0) + 1 });
      void this.#probe(agent);
    }
    const present = new Set(all.map(({ nodeId }) => nodeId));
    for (const nodeId of this.#tried.keys()) if (!present.has(nodeId)) this.#tried.delete(nodeId);
  }

  /** Those never tried first: agents that do not answer must not keep the others waiting. */
  #lastTried({ nodeId }: Agent): number {
    return this.#tried.get(nodeId)?.at ?? Number.MIN_SAFE_INTEGER;
  }

  /** Only a node that answers and exports can say its half of a handshake. */
  #isDue(agent: Agent, now: number): boolean {
    if (agent.self || !agent.live || !agent.reports) return false;
    const { at, times } = this.#tried.get(agent.nodeId) ?? { at: Number.NEGATIVE_INFINITY, times: 1 };
    if (now - at < Math.min(LONGEST_WAIT_MS, AGAIN_AFTER_MS * 2 ** (times - 1))) return false;
    return !isMeasured(agent) || agent.clock.boundMs > WIDE_MS;
  }

  async #probe({ nodeId, hostname }: Agent): Promise<void> {
    const attributes = { [ATTR.peerNodeId]: nodeId, [ATTR.title]: `Clock of ${hostname}` };
    const span = this.#tracer.startSpan(SPAN.clockProbe, { at: this.#clock.now().unixNano, attributes });
    try {
      const { duplex } = await this.#node.dial({ nodeId, groupId: 0, port: PORT.echo, parent: span.context });
      duplex.on('error', () => {}); // the handshake was all it was for
      duplex.resume();
      duplex.end();
      span.end(this.#clock.now().unixNano, { code: 'ok' });
    } catch (error) {
      const code = error instanceof PilotError ? error.code : 'dial.cancelled';
      span.setAttributes({ [ATTR.errorType]: code });
      span.end(this.#clock.now().unixNano, { code: 'error', message: String(error) });
    }
  }
}

/** Whether we measured the agent's clock ourselves. */
function isMeasured(agent: Agent): agent is Agent & { readonly clock: NonNullable<Agent['clock']> } {
  return agent.clock !== undefined && agent.clock.through === undefined;
}

function wider(best: Agent | undefined, agent: Agent): Agent | undefined {
  return (agent.clock?.boundMs ?? 0) > (best?.clock?.boundMs ?? 0) ? agent : best;
}
