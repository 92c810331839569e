import type { PilotError } from '../../node-core/base/errors.ts';
import {
  RegistryClient,
  type RegistryClientOptions,
  type RegistryEvent,
} from '../../node-core/node/registry-client.ts';
import type { RegistryProfile } from '../../node-core/node/registry-profile.ts';
import { encodeRegistryReply, type JsonObject, parseRegistryMessage } from '../../node-core/wire/registry-message.ts';
import type { RegistryCall, ReplyOf, RequestOf } from '../../node-core/wire/registry-request.ts';
import { identityOf, type RegistryBench } from './registry-bench.ts';

const ME = 1;

interface Asked<T extends RegistryCall> {
  result: ReplyOf<T> | PilotError | undefined;
}

/** A client and the real registry, joined by a channel that a test can cut, delay and tamper with. */
export class Conversation {
  readonly #bench: RegistryBench;
  readonly client: RegistryClient;
  /** As it is now: the client reads it at each registration. */
  profile: RegistryProfile;
  /** Everything asked, in order. */
  readonly asked: JsonObject[] = [];
  readonly events: RegistryEvent[] = [];
  /** Whether the registry can be reached, and whether it answers. */
  reachable = true;
  /** Requests of these types are refused as too many. */
  readonly tooMany = new Set<unknown>();
  answers = true;

  constructor(
    bench: RegistryBench,
    profile: Partial<RegistryProfile> = {},
    options: Partial<RegistryClientOptions> = {},
  ) {
    this.#bench = bench;
    this.profile = {
      listenAddress: '127.0.0.1:4000',
      lanAddresses: [],
      version: '1.18.0',
      hostname: '',
      public: false,
      tags: [],
      memberships: new Map(),
      trusted: [],
      ...profile,
    };
    this.client = new RegistryClient({ identity: identityOf(ME), profile: () => this.profile, ...options });
  }

  /** Lets time pass and everything be said that is to be said. */
  pass(seconds: number): void {
    const until = this.#bench.seconds + seconds;
    for (let rounds = 0; rounds < 10_000; rounds++) {
      this.settle();
      const next = this.client.nextTimeout();
      if (next === undefined || next / 1_000 > until) break;
      this.#bench.seconds = Math.max(this.#bench.seconds, next / 1_000);
      this.client.handleTimeout(this.#bench.now);
    }
    this.#bench.seconds = until;
  }

  settle(): void {
    for (;;) {
      const event = this.client.pollEvent();
      const message = event === undefined ? this.client.pollSend() : undefined;
      if (event === undefined && message === undefined) return;
      if (event !== undefined) this.#take(event);
      if (message !== undefined) this.#deliver(message);
    }
  }

  cut(): void {
    this.client.handleClosed('cut', this.#bench.now);
    this.settle();
  }

  typesAsked(): unknown[] {
    return this.asked.splice(0).map((request) => request.type);
  }

  /** Asks as the node would; the result is there once it is answered. */
  ask<T extends RegistryCall>(type: T, request: RequestOf<T>): Asked<T> {
    const asked: Asked<T> = { result: undefined };
    const answer = (result: ReplyOf<T> | PilotError) => {
      asked.result = result;
    };
    this.client.call(type, request, answer, this.#bench.now);
    return asked;
  }

  states(): string[] {
    return this.events.flatMap((event) => (event.type === 'state' ? [event.state] : []));
  }

  #take(event: RegistryEvent): void {
    this.events.push(event);
    if (event.type === 'answered') event.deliver(this.#bench.now);
    if (event.type !== 'open-channel') return;
    if (this.reachable) this.client.handleOpened(this.#bench.now);
    else this.client.handleClosed('nothing listens', this.#bench.now);
  }

  #deliver(message: Uint8Array): void {
    const request = parseRegistryMessage(message);
    this.asked.push(request);
    if (!this.answers) return;
    const tooMany = { type: 'error', error: 'rate limited: too many requests' };
    const reply = this.tooMany.has(request.type) ? tooMany : this.#bench.handle(request).reply;
    this.client.handleMessage(encodeRegistryReply(reply), this.#bench.now);
  }
}
