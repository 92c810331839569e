import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { TokenBucket } from '../base/token-bucket.ts';
import type { DatagramSocket, Endpoint, FramedChannel } from '../base/transport.ts';
import { encodeRegistryReply, parseRegistryMessage } from '../wire/registry-message.ts';
import { RegistryRefusal } from '../wire/registry-refusal.ts';
import { writeRefusal } from '../wire/registry-request.ts';
import type { Beacon } from './beacon.ts';
import type { Directory } from './directory.ts';
import type { DirectoryChange } from './directory-state.ts';

export interface RendezvousServerOptions {
  readonly directory: Directory;
  readonly beacon: Beacon;
  readonly clock: Clock;
  /** Puts what changed on disk; resolves to whether it is safe there. */
  readonly keep: (changes: readonly DirectoryChange[]) => Promise<boolean>;
  /** Of one connection; more are answered with an error. */
  readonly requestsPerSecond?: number;
}

/** Requests of one connection that may wait for the disk; a client that sends more without reading is cut off. */
const MAX_PENDING = 256;
/** A node makes a few in a minute, and a few for each of its peers when it starts. */
const REQUESTS_PER_SECOND = 500;
const NOT_SAVED = encodeRegistryReply(writeRefusal(new RegistryRefusal('not-saved')));
const RATE_LIMITED = encodeRegistryReply(writeRefusal(new RegistryRefusal('rate-limited', 'requests')));

/** Registry and beacon behind channels and a socket that somebody else opened. */
export class RendezvousServer {
  readonly #options: RendezvousServerOptions;
  #beaconSocket: DatagramSocket | undefined;

  constructor(options: RendezvousServerOptions) {
    this.#options = options;
    const { directory, beacon, clock } = options;
    for (const { nodeId, endpoint } of directory.signedEndpoints) beacon.expectEndpoint(nodeId, endpoint, clock.now());
  }

  attachBeacon(socket: DatagramSocket): void {
    socket.onDatagram = (bytes, from) => {
      this.#options.beacon.handleDatagram(bytes, from, this.#options.clock.now());
      this.#flushBeacon(socket);
    };
    this.#beaconSocket = socket;
  }

  /** Answers the requests of one client in order; what changed something is on disk before it is answered. */
  acceptChannel(channel: FramedChannel, source: Endpoint): void {
    const { clock, requestsPerSecond: perSecond = REQUESTS_PER_SECOND } = this.#options;
    const bucket = new TokenBucket({ burst: 2 * perSecond, perSecond }, clock.now().monotonicMs);
    let last: Promise<void> = Promise.resolve();
    let pending = 0;
    channel.onMessage = (message) => {
      pending += 1;
      if (pending > MAX_PENDING) return channel.close();
      const answered = bucket.take(clock.now().monotonicMs)
        ? this.#answer(message, source)
        : Promise.resolve(RATE_LIMITED);
      if (answered === undefined) return channel.close();
      last = last
        .then(() => answered)
        .then((reply) => {
          pending -= 1;
          channel.send(reply);
        });
    };
  }

  /** Undefined for a message that no client sends: the connection is not worth keeping. */
  #answer(message: Uint8Array, source: Endpoint): Promise<Uint8Array> | undefined {
    try {
      const fields = parseRegistryMessage(message);
      const { directory, beacon, clock, keep } = this.#options;
      const now = clock.now();
      const { reply, changes, notify, signedEndpoint } = directory.handle(fields, source, now);
      if (notify !== undefined) this.#notify(notify);
      if (signedEndpoint !== undefined) beacon.confirmEndpoint(signedEndpoint.nodeId, signedEndpoint.endpoint, now);
      const encoded = encodeRegistryReply(reply);
      return keep(changes).then((kept) => (kept ? encoded : NOT_SAVED));
    } catch (error) {
      if (error instanceof PilotError) return undefined;
      throw error;
    }
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
