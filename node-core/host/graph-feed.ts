import { type Clock, unixMillis } from '../base/clock.ts';
import type { Agent, Beacon, GraphUpdate, OpenFlow, Tunnel } from '../contract/graph.ts';
import type { Group } from '../contract/group.ts';
import type { GraphChanges, GraphPicture } from '../mesh/graph-layers.ts';
import type { GraphState } from '../mesh/graph-state.ts';
import { type Delivery, Publisher } from './publisher.ts';

type Shown = Agent | Tunnel | OpenFlow | Beacon | Group;

const FASTEST_MS = 200;
/** The picture changes with time alone: silence grows, farewells end. */
const SLOWEST_MS = 1_000;

/**
 * The graph as a feed of the contract. New facts are announced by `touch`; the picture is drawn at most five times a
 * second, and once a second without any.
 */
export class GraphFeed {
  readonly #state: GraphState;
  readonly #clock: Clock;
  readonly #publisher = new Publisher<string, Shown>({ intervalMs: FASTEST_MS });
  #self: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = Number.POSITIVE_INFINITY;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #onDrawn: ((picture: GraphPicture) => void) | undefined;

  constructor(state: GraphState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** Called with each picture, when health and presence were judged again. */
  set onDrawn(listener: (picture: GraphPicture) => void) {
    this.#onDrawn = listener;
  }

  start(selfNodeId: number): void {
    this.#self = selfNodeId;
    this.#draw();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#self = undefined;
  }

  /** Says that there are new facts in the state. */
  touch(): void {
    if (this.#self !== undefined) this.#drawWithin(FASTEST_MS);
  }

  /** @throws PilotError `queue.full` when too many windows watch. */
  async *watch(signal: AbortSignal): AsyncGenerator<GraphUpdate, void, undefined> {
    for await (const delivery of this.#publisher.watch(signal)) yield this.#updateOf(delivery);
  }

  confirm(feedId: string, revision: number): void {
    this.#publisher.confirm(feedId, revision);
  }

  #drawWithin(ms: number): void {
    const now = this.#clock.now().monotonicMs;
    const due = Math.max(now, this.#drawnAt + ms);
    if (due >= this.#dueAt) return;
    clearTimeout(this.#timer);
    this.#dueAt = due;
    this.#timer = setTimeout(() => this.#draw(), due - now);
  }

  #draw(): void {
    const { monotonicMs, unixNano } = this.#clock.now();
    const picture = this.#state.refresh(unixMillis(unixNano));
    this.#publish(this.#state.takeChanges());
    this.#drawnAt = monotonicMs;
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#drawWithin(SLOWEST_MS);
    this.#onDrawn?.(picture);
  }

  #publish(changes: GraphChanges): void {
    for (const kind of KINDS) {
      for (const [id, value] of changes[kind] as ReadonlyMap<number | string, Shown | undefined>) {
        const key = `${LETTER[kind]}${id}`;
        if (value === undefined) this.#publisher.delete(key);
        else this.#publisher.set(key, value);
      }
    }
  }

  #updateOf(delivery: Delivery<string, Shown>): GraphUpdate {
    const { kind, feedId, revision, changed, gone } = delivery;
    const of = <T extends Shown>(letter: string): T[] =>
      changed.filter(([key]) => key.startsWith(letter)).map(([, value]) => value as T);
    const goneOf = (letter: string): string[] =>
      gone.filter((key) => key.startsWith(letter)).map((key) => key.slice(1));
    return {
      kind,
      feedId,
      revision,
      at: unixMillis(this.#clock.now().unixNano),
      ...(this.#self === undefined ? {} : { self: this.#self }),
      agents: of<Agent>(LETTER.agents),
      tunnels: of<Tunnel>(LETTER.tunnels),
      flows: of<OpenFlow>(LETTER.flows),
      beacons: of<Beacon>(LETTER.beacons),
      groups: of<Group>(LETTER.groups),
      goneAgents: goneOf(LETTER.agents).map(Number),
      goneTunnels: goneOf(LETTER.tunnels),
      goneFlows: goneOf(LETTER.flows),
      goneBeacons: goneOf(LETTER.beacons),
      goneGroups: goneOf(LETTER.groups).map(Number),
    };
  }
}

/** What a key of the publisher begins with; the rest of it is the value's own id. */
const LETTER = { agents: 'a', tunnels: 't', flows: 'f', beacons: 'b', groups: 'g' } as const;

const KINDS = Object.keys(LETTER) as readonly (keyof typeof LETTER)[];
