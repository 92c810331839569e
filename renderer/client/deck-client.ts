import { createORPCClient } from '@orpc/client';
import { RPCLink as PortLink } from '@orpc/client/message-port';
import { RPCLink as SocketLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { ResponseValidationPlugin } from '@orpc/contract/plugins';
import { contract, type DeckContract } from '../../node-core/contract/contract.ts';
import { hostState } from '../../node-core/contract/host-link.ts';
import type { LinkState } from '../stores/status-store.ts';
import { proveBothWays } from './deck-proof.ts';

/** Typed calls and feeds. A failed call rejects with an ORPCError that has the code of the contract. */
export type DeckClient = ContractRouterClient<DeckContract>;

/** Who is told of connections. */
export interface LinkListener {
  /** A fresh connection: feeds start on it, those of the one before have ended. */
  onClient(client: DeckClient): void;
  onState(state: LinkState, since: number): void;
}

/** The way to the deck host, which may end and come back at any time. */
export interface DeckLink {
  /** Asks for a new connection in place of one that has fallen silent. */
  renew(): void;
  /** Starts a stopped host again. */
  startHost(): void;
}

const TOKEN_KEY = 'flightdeck.token';
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000];

const plugins = () => [new ResponseValidationPlugin(contract)];

/**
 * In the app's window the host is reached through a port that the preload script hands over; in a browser by WebSocket.
 */
export function openDeckLink(listener: LinkListener): DeckLink {
  return location.protocol === 'http:' || location.protocol === 'https:'
    ? new SocketDeckLink(listener)
    : new PortDeckLink(listener);
}

class PortDeckLink implements DeckLink {
  readonly #listener: LinkListener;
  #port: MessagePort | undefined;

  constructor(listener: LinkListener) {
    this.#listener = listener;
    window.addEventListener('message', (event) => this.#handleMessage(event)); // main sends a port after loading
  }

  renew(): void {
    window.postMessage({ type: 'host-port-request' }, '*');
  }

  startHost(): void {
    window.postMessage({ type: 'host-start' }, '*');
  }

  #handleMessage(event: MessageEvent<unknown>): void {
    if (event.source !== window) return;
    const port = event.ports[0];
    if (port !== undefined && isHostPort(event.data)) return this.#takePort(port);
    const state = hostState.safeParse(event.data);
    if (!state.success || state.data.state === 'running') return;
    this.#listener.onState(state.data.state === 'stopped' ? 'stopped' : 'lost', state.data.since);
  }

  #takePort(port: MessagePort): void {
    this.#port?.close();
    this.#port = port;
    const client: DeckClient = createORPCClient(new PortLink({ port, plugins: plugins() }));
    port.start();
    this.#listener.onClient(client);
  }
}

function isHostPort(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'type' in data && data.type === 'host-port';
}

class SocketDeckLink implements DeckLink {
  readonly #listener: LinkListener;
  readonly #token = takeToken();
  #socket: WebSocket | undefined;
  #failures = 0;

  constructor(listener: LinkListener) {
    this.#listener = listener;
    this.#open();
  }

  renew(): void {
    this.#socket?.close();
  }

  /** A served deck's parent starts it again by itself: coming back is all there is to do. */
  startHost(): void {
    this.renew();
  }

  #open(): void {
    const socket = new WebSocket(`${location.origin.replace(/^http/, 'ws')}/rpc`);
    this.#socket = socket;
    socket.addEventListener('open', async () => {
      if (await proveBothWays(socket, this.#token, location.host))
        this.#listener.onClient(createORPCClient(new SocketLink({ websocket: lenient(socket), plugins: plugins() })));
      else socket.close();
    });
    socket.addEventListener('message', () => {
      this.#failures = 0;
    });
    socket.addEventListener('close', () => {
      this.#listener.onState('lost', Date.now());
      setTimeout(() => this.#open(), RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)]);
    });
  }
}

/**
 * A socket that drops what is sent after it closed. By then its calls have been rejected; without this, ending a feed
 * whose connection is gone would throw where nobody can catch it.
 */
function lenient(
  socket: WebSocket,
): Pick<WebSocket, 'addEventListener' | 'removeEventListener' | 'send' | 'readyState'> {
  return {
    readyState: WebSocket.OPEN, // it is given to the client once it has opened
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data);
    },
    addEventListener: socket.addEventListener.bind(socket),
    removeEventListener: socket.removeEventListener.bind(socket),
  };
}

/** The one-time token of the address's fragment moves to this tab's storage and out of the address. */
function takeToken(): string {
  const fragment = location.hash.slice(1);
  const token = new URLSearchParams(fragment).get('token') ?? fragment;
  if (token !== '') {
    sessionStorage.setItem(TOKEN_KEY, token);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return sessionStorage.getItem(TOKEN_KEY) ?? '';
}
