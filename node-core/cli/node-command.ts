import type { Lifetime } from '../base/lifetime.ts';
import { type Endpoint, formatEndpoint, isLoopbackHost } from '../base/transport.ts';
import { resolveEndpoint } from '../io/resolve-endpoint.ts';
import { SystemClock } from '../io/system-clock.ts';
import { UdpSocket } from '../io/udp-socket.ts';
import { logFigures } from '../runtime/figure-log.ts';
import { createIdentity, loadIdentity } from '../runtime/identity-file.ts';
import { createLog } from '../runtime/log.ts';
import { newsOf } from '../runtime/node-news.ts';
import { createProfile } from '../runtime/profile.ts';
import { RunningNode } from '../runtime/running-node.ts';
import { takeFile } from '../runtime/take-file.ts';
import { VERSION } from '../runtime/version.ts';
import { DataExchangeService } from '../services/data-exchange.ts';
import { echoService } from '../services/echo.ts';

export interface NodeCommand {
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  readonly registryFingerprint: string | undefined;
  /** Else loopback beside a beacon on loopback, and every address with another. */
  readonly listen: Endpoint | undefined;
  /** A fixed address to register instead of the one the beacon sees. */
  readonly endpoint: Endpoint | undefined;
  readonly identity: string | undefined;
  readonly hostname: string;
  readonly public: boolean;
  /** False lifts what is bounded per second. */
  readonly rateLimits: boolean;
}

/** A node with its services in this process. Messages it gets are logged. */
export async function startNode(command: NodeCommand, lifetime: Lifetime) {
  const log = createLog('node');
  const clock = new SystemClock();
  if (command.identity !== undefined) await takeFile(command.identity, 'the identity', lifetime);
  const identity =
    command.identity === undefined
      ? createIdentity()
      : await loadIdentity(command.identity, (aside) =>
          log.error({ aside }, 'the identity was not readable and is set aside'),
        );
  const { hostname, registry, endpoint } = command;
  const beacon = await resolveEndpoint(command.beacon);
  const socket = await openSocket(command.listen, beacon);
  const profile = createProfile({
    listen: endpoint ?? socket.local,
    version: VERSION,
    hostname,
    public: command.public,
  });
  const node = new RunningNode({
    identity,
    profile,
    socket,
    registry,
    registryFingerprint: command.registryFingerprint,
    beacon,
    clock,
    clockEpoch: () => clock.epoch,
    followObservedEndpoint: endpoint === undefined,
    rateLimits: command.rateLimits,
    onEvent: (event) => {
      if (event.type === 'registry') log.info({ state: event.state, reason: event.reason }, 'registry');
      const news = newsOf(event);
      if (news !== undefined) log[news.level === 'warning' ? 'warn' : news.level]({ kind: news.kind }, news.text);
    },
  });
  node.serve(echoService);
  node.serve(
    new DataExchangeService((message) => {
      log.info({ from: message.peerNodeId, kind: message.kind, bytes: message.payload.length }, 'message');
    }),
  );
  lifetime.onEnd(() => node.stop());
  logFigures(log, lifetime, () => ({
    framesDropped: Object.fromEntries(node.frameDrops),
    datagramsDropped: Object.fromEntries(socket.counts.dropped.counts),
  }));
  await lifetime.until(node.registered());
  return { nodeId: node.nodeId, address: node.address, listen: formatEndpoint(socket.local) };
}

function openSocket(listen: Endpoint | undefined, beacon: Endpoint): Promise<UdpSocket> {
  if (listen !== undefined) return UdpSocket.bind(listen);
  return isLoopbackHost(beacon.host) ? UdpSocket.bind({ host: '127.0.0.1', port: 0 }) : UdpSocket.bindAnywhere();
}
