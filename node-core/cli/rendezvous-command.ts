import type { Lifetime } from '../base/lifetime.ts';
import { UNLIMITED_PER_SECOND } from '../base/token-bucket.ts';
import { type Endpoint, type FramedChannel, formatEndpoint } from '../base/transport.ts';
import { Trouble } from '../base/trouble.ts';
import { type ListenerLimits, listenForChannels } from '../io/channel-listener.ts';
import { SystemClock } from '../io/system-clock.ts';
import { UdpSocket } from '../io/udp-socket.ts';
import { Beacon, LIFTED_BEACON_RATES } from '../rendezvous/beacon.ts';
import type { DirectoryOptions } from '../rendezvous/directory.ts';
import { RendezvousServer } from '../rendezvous/rendezvous-server.ts';
import { logFigures } from '../runtime/figure-log.ts';
import { createLog } from '../runtime/log.ts';
import { takeFile } from '../runtime/take-file.ts';
import { loadTlsIdentity } from '../runtime/tls-identity.ts';
import { openDirectory } from './directory-store.ts';

export interface RendezvousCommand {
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  /** Where the state is kept; without it a restart forgets everything. */
  readonly store: string | undefined;
  /** The file of key and certificate; with it the registry speaks TLS alone. */
  readonly tls: string | undefined;
  /** Groups that exist from the start. */
  readonly groups: readonly string[];
  readonly adminToken: string | undefined;
  /** Believes only requests that are signed as a whole. */
  readonly strict: boolean;
  /** Also takes registrations without a signature. */
  readonly acceptUnsigned: boolean;
  /** False lifts what bounds requests, new keys, relays and punches per second; for tests under load. */
  readonly rateLimits: boolean;
}

const LIFTED_REQUEST_RATES = {
  requestsPerSecond: UNLIMITED_PER_SECOND,
  guard: { checksPerSecond: UNLIMITED_PER_SECOND, checksPerSecondOfSource: UNLIMITED_PER_SECOND },
};

const LIMITS: ListenerLimits = {
  connections: 4_096,
  connectionsPerSource: 2_048,
  keptBytes: 256 * 1024 * 1024,
  keptBytesPerSource: 64 * 1024 * 1024,
  messageBytes: 1024 * 1024,
  unsentBytes: 8 * 1024 * 1024,
  idleMs: 300_000,
  messageMs: 30_000,
};

const TELL_AGAIN_MS = 60_000;

/** Registry and beacon in this process. */
export async function startRendezvous(command: RendezvousCommand, lifetime: Lifetime) {
  const log = createLog('rendezvous');
  const clock = new SystemClock();
  if (command.store !== undefined) await takeFile(command.store, 'the store', lifetime);
  const socket = await UdpSocket.bind(command.beacon);
  const beaconAddress = formatEndpoint(socket.local);
  const lifted = !command.rateLimits;
  const options = directoryOptions(command, beaconAddress);
  const unsaved = new Trouble((text) => log.error(text), TELL_AGAIN_MS);
  const onNews = (text: string) => log.warn({ store: command.store }, text);
  const { directory, keeper, close } = await openDirectory(command.store, options, {
    onNews,
    onSaveFailed: (error) => unsaved.note(`the state could not be saved: ${error}`, clock.now().monotonicMs),
    onSaved: () => unsaved.end('the state is saved again', clock.now().monotonicMs),
  });
  for (const name of command.groups) await keeper.keep(directory.ensureGroup(name, clock.now()));
  const beacon = new Beacon(lifted ? LIFTED_BEACON_RATES : {});
  const server = new RendezvousServer({
    directory,
    beacon,
    ...(lifted ? LIFTED_REQUEST_RATES : {}),
    clock,
    keep: (changes) => keeper.keep(changes),
  });
  server.attachBeacon(socket);
  if (command.tls !== undefined) await takeFile(command.tls, 'the certificate', lifetime);
  const tls =
    command.tls === undefined
      ? undefined
      : await loadTlsIdentity(command.tls, (aside) =>
          log.error(
            { aside },
            'key and certificate were not readable and are set aside; clients must be told the new one',
          ),
        );
  const accept = (channel: FramedChannel, from: Endpoint) =>
    server.acceptChannel(channel, from, tls === undefined ? 'clear' : 'tls');
  const listener = await listenForChannels(command.registry, LIMITS, accept, tls);
  log.info({ registry: formatEndpoint(listener.local), beacon: beaconAddress }, 'rendezvous is up');
  lifetime.onEnd(async () => {
    await listener.close();
    await keeper.settle();
    await close();
    await socket.close();
  });
  logFigures(log, lifetime, () => ({
    connections: listener.open,
    connectionsRefused: Object.fromEntries(listener.refused),
    requestsRefused: Object.fromEntries(server.refused),
    relayed: beacon.relayed.datagrams,
    beaconDropped: Object.fromEntries(beacon.drops),
    datagramsDropped: Object.fromEntries(socket.counts.dropped.counts),
  }));
  const fingerprint = tls === undefined ? {} : { fingerprint: tls.fingerprint };
  return { registry: formatEndpoint(listener.local), beacon: beaconAddress, ...fingerprint };
}

function directoryOptions(command: RendezvousCommand, beaconAddress: string): DirectoryOptions {
  return {
    beaconAddress,
    acceptUnsigned: command.acceptUnsigned,
    strict: command.strict,
    ...(command.adminToken === undefined ? {} : { adminToken: command.adminToken }),
    ...(command.rateLimits ? {} : { newKeysPerSecond: UNLIMITED_PER_SECOND, nodesPerAddress: UNLIMITED_PER_SECOND }),
  };
}
