import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { ByteBudget } from '../base/byte-budget.ts';
import { Tally } from '../base/tally.ts';
import { type Endpoint, type FramedChannel, formatEndpoint } from '../base/transport.ts';
import { sourceOf } from '../wire/source-address.ts';
import { type ConnectionLimits, ConnectionShares } from './connection-shares.ts';
import { listenOn } from './listen.ts';
import { plainHost } from './plain-host.ts';
import { type ChannelEnd, type ChannelLimits, TcpChannel } from './tcp-channel.ts';

export interface ListenerLimits extends ChannelLimits, ConnectionLimits {
  /** What all channels together keep of messages that are not whole, or not read by the other side. */
  readonly keptBytes: number;
  readonly keptBytesPerSource: number;
}

/** Key and certificate in PEM; with them the listener speaks TLS alone. */
export interface TlsIdentity {
  readonly key: string;
  readonly certificate: string;
}

/** Why connections were refused or given up from this side. */
export type ListenerRefusal = 'too many' | 'gave way' | 'handshake' | ChannelEnd;

export interface ChannelListener {
  readonly local: Endpoint;
  /** Connections that are open now. */
  readonly open: number;
  readonly refused: ReadonlyMap<ListenerRefusal, number>;
  close(): Promise<void>;
}

const HANDSHAKE_MS = 10_000;

/** Listens for channels. No source, of connections or of bytes, gets so much that others get none. */
export async function listenForChannels(
  local: Endpoint,
  limits: ListenerLimits,
  onChannel: (channel: FramedChannel, from: Endpoint) => void,
  tls?: TlsIdentity,
): Promise<ChannelListener> {
  const refused = new Tally<ListenerRefusal>();
  const shares = new ConnectionShares<Socket>(limits);
  const budget = new ByteBudget(limits.keptBytes, limits.keptBytesPerSource);
  /** As they were accepted, by the endpoint of the other side, which TLS over them has too. */
  const open = new Map<string, Socket>();
  const take = (socket: Socket): void => {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy();
    const from = { host: plainHost(remoteAddress), port: remotePort };
    const source = sourceOf(from.host);
    const accepted = open.get(formatEndpoint(from));
    if (accepted === undefined) return void socket.destroy();
    const events = { onSpoke: () => shares.spoke(source, accepted), onEnd: (why: ChannelEnd) => refused.add(why) };
    onChannel(new TcpChannel(socket, limits, budget.open(source), events), from);
  };
  const secured = tls && secure(tls, take, () => refused.add('handshake'));
  const server = createServer((socket) => {
    socket.on('error', () => {}); // first of all; whoever speaks with it is told as well
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) return void socket.destroy();
    const from = formatEndpoint({ host: plainHost(remoteAddress), port: remotePort });
    const source = sourceOf(plainHost(remoteAddress));
    const admission = shares.admit(source, socket);
    if (admission === 'full') {
      refused.add('too many');
      return void socket.destroy();
    }
    if (admission.ended !== undefined) refused.add('gave way');
    admission.ended?.destroy();
    open.set(from, socket);
    socket.on('close', () => {
      shares.remove(source, socket);
      if (open.get(from) === socket) open.delete(from);
    });
    if (secured === undefined) take(socket);
    else secured.emit('connection', socket);
  });
  const at = await listenOn(server, local);
  return {
    local: at,
    get open() {
      return shares.open;
    },
    refused: refused.counts,
    close: () => closeServer(server, open),
  };
}

/** A server that never listens: it is handed the connections that were admitted, and hands on those that are secure. */
function secure({ key, certificate }: TlsIdentity, take: (socket: Socket) => void, onFailed: () => void): Server {
  const server = createTlsServer(
    { key, cert: certificate, minVersion: 'TLSv1.3', handshakeTimeout: HANDSHAKE_MS },
    take,
  );
  server.on('tlsClientError', (_error, socket) => {
    onFailed();
    socket.destroy();
  });
  return server;
}

function closeServer(server: Server, open: ReadonlyMap<string, Socket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open.values()) socket.destroy();
  });
}
