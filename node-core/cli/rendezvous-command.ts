import type { Lifetime } from '../base/lifetime.ts';
import { UNLIMITED_PER_SECOND } from '../base/token-bucket.ts';
import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import { readStateFile, writeStateFile } from '../io/state-file.ts';
import { SystemClock } from '../io/system-clock.ts';
import { listenForChannels } from '../io/tcp-channel.ts';
import { UdpSocket } from '../io/udp-socket.ts';
import { Beacon } from '../rendezvous/beacon.ts';
import { Directory, type DirectoryOptions } from '../rendezvous/directory.ts';
import { directorySnapshot } from '../rendezvous/directory-state.ts';
import { RendezvousServer } from '../rendezvous/rendezvous-server.ts';
import { createLog } from '../runtime/log.ts';

export interface RendezvousCommand {
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  /** Where the state is kept; without it a restart forgets everything. */
  readonly store: string | undefined;
  /** Groups that exist from the start. */
  readonly groups: readonly string[];
  readonly adminToken: string | undefined;
  /** False lifts what bounds requests, new keys, relays and punches per second; for tests under load. */
  readonly rateLimits: boolean;
}

const LIMITS = {
  connections: 4_096,
  messageBytes: 1024 * 1024,
  unsentBytes: 8 * 1024 * 1024,
  idleMs: 300_000,
  messageMs: 30_000,
};

/** Registry and beacon in this process. */
export async function startRendezvous(command: RendezvousCommand, lifetime: Lifetime) {
  const log = createLog('rendezvous');
  const clock = new SystemClock();
  const socket = await UdpSocket.bind(command.beacon);
  const beaconAddress = formatEndpoint(socket.local);
  const lifted = !command.rateLimits;
  const directory = await loadDirectory(command, beaconAddress, (aside) =>
    log.error({ aside }, 'the store was not readable and is set aside'),
  );
  for (const name of command.groups) directory.ensureGroup(name, clock.now());
  const server = new RendezvousServer({
    directory,
    beacon: new Beacon(lifted ? { relaysPerSecond: UNLIMITED_PER_SECOND, punchesPerSecond: UNLIMITED_PER_SECOND } : {}),
    ...(lifted ? { requestsPerSecond: UNLIMITED_PER_SECOND } : {}),
    clock,
    save: (snapshot) =>
      command.store === undefined ? Promise.resolve() : writeStateFile(command.store, JSON.stringify(snapshot)),
    onSaveFailed: (error) => log.error({ error: String(error) }, 'the state could not be saved'),
  });
  server.attachBeacon(socket);
  const listener = await listenForChannels(command.registry, LIMITS, (channel, from) =>
    server.acceptChannel(channel, from),
  );
  log.info({ registry: formatEndpoint(listener.local), beacon: beaconAddress }, 'rendezvous is up');
  lifetime.onEnd(async () => {
    await listener.close();
    await server.settle();
    await socket.close();
  });
  return { registry: formatEndpoint(listener.local), beacon: beaconAddress };
}

async function loadDirectory(
  command: RendezvousCommand,
  beaconAddress: string,
  onCorrupt: (aside: string) => void,
): Promise<Directory> {
  const options: DirectoryOptions = {
    beaconAddress,
    ...(command.adminToken === undefined ? {} : { adminToken: command.adminToken }),
    ...(!command.rateLimits ? { newKeysPerSecond: UNLIMITED_PER_SECOND } : {}),
  };
  if (command.store === undefined) return new Directory(options);
  const parse = (content: string) => directorySnapshot.parse(JSON.parse(content));
  const snapshot = await readStateFile(command.store, parse, onCorrupt);
  return snapshot === undefined ? new Directory(options) : Directory.restore(snapshot, options);
}
