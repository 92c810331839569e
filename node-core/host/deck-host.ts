import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { RPCHandler } from '@orpc/server/message-port';
import type { Lifetime } from '../base/lifetime.ts';
import { givenSecret } from '../base/secret.ts';
import type { Endpoint } from '../base/transport.ts';
import { formatEndpoint } from '../base/transport.ts';
import { startCollector } from '../collector-thread/start-collector.ts';
import { localSocket, prepareLocalSockets } from '../io/local-sockets.ts';
import { resolveEndpoint } from '../io/resolve-endpoint.ts';
import { SystemClock } from '../io/system-clock.ts';
import { printFailure } from '../io/terminal.ts';
import { loadIdentity } from '../runtime/identity-file.ts';
import { createLog } from '../runtime/log.ts';
import { takeFile } from '../runtime/take-file.ts';
import { TrustFile } from '../runtime/trust-file.ts';
import { makeDataFolder } from '../supervisor/data-folder.ts';
import { Deck } from './deck.ts';
import { removeDeckFile, writeDeckFile } from './deck-file.ts';
import { serveDeck } from './deck-server.ts';
import { type DeckPlace, openDeckSocket } from './deck-socket.ts';
import { serveLocalContract } from './local-contract.ts';
import { createRouter } from './router.ts';

const HOSTNAME = 'flightdeck';

export interface DeckHostOptions {
  readonly data: string;
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  /** SHA-256 of the registry's certificate, when it is spoken to over TLS. */
  readonly registryFingerprint: string | undefined;
  /** OTLP/HTTP is taken at the first of these that is free. */
  readonly otlpHttp: readonly Endpoint[];
  /** Where a browser and the command line find the deck. */
  readonly http: Endpoint;
  readonly place: DeckPlace;
  /** A fixed address to register instead of the one that the beacon sees. */
  readonly endpoint: Endpoint | undefined;
  /** The file of the identity, where it is not the data folder's. */
  readonly identity: string | undefined;
  readonly networkName: string;
  /** Whether everybody may reach this node; else those it trusts and those it shares a group with. */
  readonly public: boolean;
  /** False lifts what is bounded per second. */
  readonly rateLimits: boolean;
  /** The built interface, for a browser; without it only the contract is served. */
  readonly pages: string | undefined;
}

/** The port's end of a channel to a window, as Electron or Node gives it. */
type WindowPort = Parameters<RPCHandler<Record<never, never>>['upgrade']>[0];

export interface DeckHost {
  readonly ready: Readonly<Record<string, string | number>>;
  /** Serves the contract on one more port. */
  connect(port: WindowPort): void;
}

/** Everything that runs in the deck host's process. Who starts it has taken the data folder for this deck. */
export async function startDeckHost(options: DeckHostOptions, lifetime: Lifetime): Promise<DeckHost> {
  const { data, registry, registryFingerprint, endpoint } = options;
  const log = createLog('deck');
  const token = givenSecret('FLIGHTDECK_TOKEN', process.env.FLIGHTDECK_TOKEN) ?? randomBytes(24).toString('base64url');
  await makeDataFolder(data);
  const sockets = await prepareLocalSockets(data);
  if (options.identity !== undefined) await takeFile(options.identity, 'the identity', lifetime);
  const identity = await loadIdentity(options.identity ?? join(data, 'identity.json'), (aside) =>
    log.error({ aside }, 'the identity was not readable and is set aside'),
  );
  const trust = new TrustFile(join(data, 'trust.json'));
  const trusted = await trust.read((aside) =>
    log.error({ aside }, 'the list of trusted peers was not readable and is set aside: nobody is trusted by it'),
  );
  const clock = new SystemClock();
  const beacon = await resolveEndpoint(options.beacon);
  const socket = await openDeckSocket(options.place, { sockets, hostname: HOSTNAME, beacon }, clock, lifetime);
  // waited for to its end: a thread that is torn down while it opens the store aborts the process
  const deck = await Deck.start({
    identity,
    clock,
    socket,
    endpoint,
    registry,
    registryFingerprint,
    beacon,
    hostname: HOSTNAME,
    trusted,
    keepTrusted: (peers) => trust.write(peers),
    networkName: options.networkName,
    public: options.public,
    rateLimits: options.rateLimits,
    adminToken: process.env.FLIGHTDECK_ADMIN_TOKEN,
    startCollector: (events) => startCollector({ folder: join(data, 'store'), listen: options.otlpHttp }, events),
  });
  lifetime.onEnd(() => deck.stop());
  await lifetime.until(deck.node.registered());
  const router = createRouter(deck);
  const server = await serveDeck(router, options.http, token, options.pages);
  lifetime.onEnd(() => server.close());
  const local = await serveLocalContract(router, localSocket(sockets, 'deck', process.pid));
  lifetime.onEnd(() => local.close());
  const ready = {
    url: server.url,
    otlpHttp: deck.collector.otlpHttp,
    registry: formatEndpoint(registry),
    beacon: formatEndpoint(beacon),
    address: deck.node.address,
    nodeId: deck.node.nodeId,
  };
  const { otlpTaken } = deck.collector;
  if (otlpTaken !== undefined) printFailure(`${otlpTaken}: OTLP is taken at ${deck.collector.otlpHttp} instead`);
  await writeDeckFile(data, { pid: process.pid, sockets, ...ready, url: server.address, registryFingerprint });
  lifetime.onEnd(() => removeDeckFile(data));
  const handler = new RPCHandler(router);
  log.info({ ...ready, listen: formatEndpoint(socket.local), url: server.address }, 'the deck is up');
  return { ready, connect: (port) => handler.upgrade(port) };
}
