import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { Tally } from '../base/tally.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { DatagramSocket, Endpoint, FramedChannel } from '../base/transport.ts';
import { encodeRegistryReply, parseRegistryMessage } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import { writeRefusal } from '../wire/registry-request.ts';
import type { Beacon } from './beacon.ts';
import type { Directory } from './directory.ts';
import type { DirectoryChange } from './directory-state.ts';
import { GUARD_LIMITS, type GuardLimits, RequestGuard, type Way } from './request-guard.ts';

export interface RendezvousServerOptions {
  readonly directory: Directory;
  readonly beacon: Beacon;
  readonly clock: Clock;
  /** Puts what changed on disk; resolves to whether it is safe there. */
  readonly keep: (changes: readonly DirectoryChange[]) => Promise<boolean>;
  /** Of one connection; more are answered with an error. */
  readonly requestsPerSecond?: number;
  readonly guard?: GuardLimits;
}

/** Requests of one connection that may wait for the disk; a client that sends more without reading is cut off. */
const MAX_PENDING = 256;
/** A node makes a few in a minute, and a few for each of its peers when it starts. */
const REQUESTS_PER_SECOND = 500;
/** Bytes of replies that may wait for the disk, of one connection. */
const MAX_PENDING_BYTES = 4 * 1024 * 1024;
const NOT_SAVED = encodeRegistryReply(writeRefusal(new RegistryRefusal('not-saved')));
const RATE_LIMITED = encodeRegistryReply(writeRefusal(new RegistryRefusal('rate-limited', 'requests')));

export type ServerRefusal =
  | 'request limit'
  | 'signature limit'
  | 'admin token in clear'
  | 'no request'
  | 'does not wait'
  | 'fault';

interface Answer {
  readonly reply: Uint8Array;
  /** Whether what it promises is safe on disk. */
  readonly kept: Promise<boolean>;
}

/** Registry and beacon behind channels and a socket that somebody else opened. */
export class RendezvousServer {
  readonly #options: RendezvousServerOptions;
  readonly #guard: RequestGuard;
  readonly #refused = new Tally<ServerRefusal>();
  #beaconSocket: DatagramSocket | undefined;

  constructor(options: RendezvousServerOptions) {
    this.#options = options;
    const { directory, beacon, clock, guard = GUARD_LIMITS } = options;
    this.#guard = new RequestGuard(guard, clock.now().monotonicMs);
    for (const { nodeId, endpoint } of directory.signedEndpoints) beacon.expectEndpoint(nodeId, endpoint, clock.now());
  }

  /** Requests that were answered with an error, and connections that were ended, before the registry read them. */
  get refused(): ReadonlyMap<ServerRefusal, number> {
    return this.#refused.counts;
  }

  attachBeacon(socket: DatagramSocket): void {
    socket.onDatagram = (bytes, from) => {
      this.#options.beacon.handleDatagram(bytes, from, this.#options.clock.now());
      this.#flushBeacon(socket);
    };
    this.#beaconSocket = socket;
  }

  /** Answers the requests of one client in order; what changed something is on disk before it is answered. */
  acceptChannel(channel: FramedChannel, source: Endpoint, way: Way = 'clear'): void {
    const { clock, requestsPerSecond: perSecond = REQUESTS_PER_SECOND } = this.#options;
    const bucket = new TokenBucket({ burst: 2 * perSecond, perSecond }, clock.now().monotonicMs);
    let last: Promise<void> = Promise.resolve();
    let pending = 0;
    let pendingBytes = 0;
    const giveUp = (why: ServerRefusal): void => {
      this.#refused.add(why);
      channel.close();
    };
    channel.onMessage = (message) => {
      pending += 1;
      if (pending > MAX_PENDING || pendingBytes > MAX_PENDING_BYTES) return giveUp('does not wait');
      const answer = bucket.take(clock.now().monotonicMs) ? this.#answer(message, source, way) : this.#rateLimited();
      if (answer === undefined) return giveUp('no request');
      const { reply, kept } = answer;
      pendingBytes += reply.length;
      last = last
        .then(() => kept)
        .then((isKept) => {
          pending -= 1;
          pendingBytes -= reply.length;
          channel.send(isKept ? reply : NOT_SAVED);
        })
        .catch((error: unknown) => {
          process.emitWarning(error as Error); // an error of ours: to be seen
          giveUp('fault');
        });
    };
  }

  /** Undefined for a message that no client sends: the connection is not worth keeping. */
  #answer(message: Uint8Array, source: Endpoint, way: Way): Answer | undefined {
    try {
      const fields = parseRegistryMessage(message);
      const { directory, beacon, clock, keep } = this.#options;
      const now = clock.now();
      this.#guard.admit(fields, source, way, now.monotonicMs);
      const { reply, changes, notify, signedEndpoint } = directory.handle(fields, source, now);
      if (notify !== undefined) this.#notify(notify);
      if (signedEndpoint !== undefined) beacon.confirmEndpoint(signedEndpoint.nodeId, signedEndpoint.endpoint, now);
      return { reply: encodeRegistryReply(reply), kept: keep(changes) };
    } catch (error) {
      if (error instanceof RegistryRefusal) return this.#refuse(error);
      if (error instanceof PilotError) return undefined;
      throw error;
    }
  }

  #refuse(refusal: RegistryRefusal): Answer {
    this.#refused.add(refusal.code === 'rate-limited' ? 'signature limit' : 'admin token in clear');
    return { reply: encodeRegistryReply(writeRefusal(refusal)), kept: Promise.resolve(true) };
  }

  #rateLimited(): Answer {
    this.#refused.add('request limit');
    return { reply: RATE_LIMITED, kept: Promise.resolve(true) };
  }

  #notify(nodeId: number): void {
    this.#options.beacon.notify(nodeId);
    if (this.#beaconSocket !== undefined) this.#flushBeacon(this.#beaconSocket);
  }

  #flushBeacon(socket: DatagramSocket): void {
    const { beacon } = this.#options;
    for (let out = beacon.pollTransmit(); out !== undefined; out = beacon.pollTransmit())
      socket.send(out.bytes, out.to);
  }
}
