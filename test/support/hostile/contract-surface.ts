import { request } from 'node:http';
import { WebSocket } from 'ws';
import { contract } from '../../../node-core/contract/contract.ts';
import type { Json } from '../../../node-core/wire/registry-message.ts';
import { proveToDeck } from '../prove-to-deck.ts';
import type { HostileInput } from './hostile-input.ts';
import type { Malice, Surface } from './surface.ts';

/** Honest inputs of every call; those of `graph.confirm` name a feed that is not there. */
function callsAbout(nodeId: number): readonly (readonly [path: string, input: Json])[] {
  const traceId = '0123456789abcdef0123456789abcdef';
  const query = {
    fromMs: 0,
    toMs: 1e13,
    text: 'a',
    service: 's',
    nodeId,
    nodeKey: 'ab'.repeat(32),
    groupId: 1,
    status: 'error',
    limit: 10,
  };
  return [
    ['/status/watch', null],
    ['/graph/watch', null],
    ['/graph/directory', { text: 'a', offset: 0, limit: 10 }],
    ['/graph/confirm', { feedId: 'x', revision: 1 }],
    ['/peer/ping', { nodeId, timeoutMs: 1_000 }],
    ['/peer/trust', { peers: [{ nodeId, publicKey: 'ab'.repeat(32) }] }],
    ['/peer/untrust', { nodeId }],
    ['/group/join', { groupId: 1, token: '' }],
    ['/group/leave', { groupId: 1 }],
    ['/group/pingAll', { groupId: 1 }],
    ['/trace/search', query],
    ['/trace/tail', query],
    ['/trace/get', { traceId }],
    ['/trace/paths', { traceIds: [traceId] }],
    ['/trace/export', { traceIds: [traceId], joined: true }],
    ['/trace/volume', { fromMs: 0, toMs: 1e6, buckets: 10 }],
    ['/log/watch', { last: 10 }],
  ];
}

/** Calls of the contract that the list above does not have. */
export function missingCalls(): string[] {
  const listed = new Set(callsAbout(1).map(([path]) => path));
  return Object.entries(contract)
    .flatMap(([group, calls]) => Object.keys(calls).map((call) => `/${group}/${call}`))
    .filter((path) => !listed.has(path));
}

/** The port of the browser and the command line: without a token, with a wrong one, and with the true one. */
export class ContractSurface implements Surface {
  readonly name = 'contract';
  readonly atOnce = 48;
  readonly #input: HostileInput;
  readonly #address: URL;
  readonly #url: string;
  readonly #calls: ReturnType<typeof callsAbout>;
  readonly #sockets = new Map<Malice, Promise<WebSocket>>();
  #lastId = 0;

  /** @param url - As the ready line has it, with the token in its fragment. */
  constructor(url: string, nodeId: number, input: HostileInput) {
    this.#input = input;
    this.#address = new URL(url);
    this.#url = url;
    this.#calls = callsAbout(nodeId);
  }

  async hurl(malice: Malice): Promise<void> {
    const input = this.#input;
    switch (malice) {
      case 'random':
        if (input.chance(0.25)) return this.#knock();
        if (input.chance(0.25)) return this.#ask();
        return this.#send(malice, input.chance(0.5) ? input.bytes(input.upTo(200)) : this.#text());
      case 'damaged': {
        const [path, body] = input.pick(this.#calls);
        const damaged = input.mutated(new TextEncoder().encode(JSON.stringify(this.#envelope(path, body))));
        return this.#send(malice, input.chance(0.5) ? damaged : new TextDecoder().decode(damaged));
      }
      case 'wrong inside': {
        const [path, body] = input.pick(this.#calls);
        const envelope = this.#envelope(path, input.spoiled(body));
        const text = JSON.stringify(input.chance(0.2) ? input.spoiled(envelope) : envelope);
        return this.#send(malice, text);
      }
      default:
        return malice satisfies never;
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.values()) (await socket).terminate();
  }

  /** Opens a connection without, or with a false, token, origin or host. */
  #knock(): Promise<void> {
    const input = this.#input;
    const headers = input.pick([{}, { origin: 'https://evil.example' }, { host: 'evil.example' }, { origin: 'null' }]);
    const path = input.pick(['/rpc', '/rpc', '/', '/rpc?x', '//rpc', '/%00']);
    const socket = new WebSocket(`ws://${this.#address.host}${path}`, { headers });
    const first = input.pick([JSON.stringify({ token: 'x'.repeat(32) }), this.#text(), input.bytes(40), '']);
    return new Promise((resolve) => {
      socket.on('open', () => socket.send(first));
      socket.on('message', () => socket.terminate());
      socket.on('error', () => resolve());
      socket.on('close', () => resolve());
    });
  }

  /** Asks the same port for a page, in a way that no browser does. */
  #ask(): Promise<void> {
    const input = this.#input;
    const { hostname, port } = this.#address;
    const path = `/${encodeURI(this.#text()).replaceAll("'", '%27')}`;
    const headers = input.pick([{}, { host: 'evil.example' }, { range: 'bytes=5-1' }, { 'accept-encoding': ';;q=' }]);
    const method = input.pick(['GET', 'HEAD', 'POST', 'OPTIONS', 'DELETE']);
    return new Promise((resolve) => {
      const outgoing = request({ hostname, port, path, method, headers }, (reply) => {
        reply.resume();
        reply.on('close', () => resolve());
      });
      outgoing.on('error', () => resolve());
      outgoing.end();
    });
  }

  async #send(malice: Malice, message: string | Uint8Array): Promise<void> {
    const socket = await this.#connected(malice);
    if (socket.readyState !== WebSocket.OPEN) return;
    await new Promise<void>((resolve) => {
      socket.send(message, () => resolve());
    });
  }

  /** A socket that has proven that it knows the token; one that was cut off is replaced. */
  async #connected(malice: Malice): Promise<WebSocket> {
    const open = this.#sockets.get(malice);
    if (open !== undefined && (await open).readyState === WebSocket.OPEN) return open;
    const socket = new WebSocket(`ws://${this.#address.host}/rpc`);
    const connected = new Promise<WebSocket>((resolve) => {
      socket.on('error', () => resolve(socket));
      socket.on('open', () => {
        proveToDeck(socket, this.#url).then(
          () => resolve(socket),
          () => resolve(socket),
        );
      });
    });
    this.#sockets.set(malice, connected);
    return connected;
  }

  #envelope(path: string, json: Json): Json {
    this.#lastId += 1;
    const input = this.#input;
    if (input.chance(0.1))
      return { i: String(input.upTo(this.#lastId)), t: input.pick([3, 4]), p: { e: 'message', d: 1 } };
    return { i: String(this.#lastId), p: { u: path, b: { json } } };
  }

  #text(): string {
    return new TextDecoder().decode(this.#input.bytes(this.#input.upTo(80)));
  }
}
