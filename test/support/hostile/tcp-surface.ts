import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../../node-core/base/transport.ts';
import { encodeLengthPrefixed } from '../../../node-core/wire/length-prefix.ts';
import { encodeRegistryReply } from '../../../node-core/wire/registry-message.ts';
import type { HostileInput } from './hostile-input.ts';
import type { Surface } from './surface.ts';

/** How a connection is left: in order, torn down, or open and silent. */
const ENDINGS = ['fin', 'rst', 'silence'] as const;
/** Connections that were left silent are held until as many others are. */
const MOST_SILENT = 24;
const CONNECT_MS = 20_000;

/** What a program may have said to a TCP port when it goes away: from nothing to more than a whole request. */
export type States = readonly (string | Uint8Array)[];

/**
 * A TCP port, left in each state in each way. The attacker has an address of loopback for itself, so that what is bounded
 * per address is bounded for it alone.
 */
export class TcpSurface implements Surface {
  readonly name: string;
  readonly atOnce = 48;
  readonly #input: HostileInput;
  readonly #to: Endpoint;
  readonly #states: States;
  readonly #silent: Socket[] = [];

  constructor(name: string, to: Endpoint, states: States, input: HostileInput) {
    this.name = name;
    this.#to = to;
    this.#states = states;
    this.#input = input;
  }

  async hurl(): Promise<void> {
    const state = this.#input.pick(this.#states);
    const cut = this.#input.chance(0.5) ? this.#input.upTo(state.length + 1) : state.length;
    const ending = this.#input.pick(ENDINGS);
    const socket = await this.#connected();
    if (socket === undefined) return; // refused: it had its share
    const said = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      socket.write(state.slice(0, cut), () => resolve());
    });
    await said;
    if (ending === 'rst') socket.resetAndDestroy();
    else if (ending === 'fin') socket.end();
    else this.#hold(socket);
  }

  async close(): Promise<void> {
    for (const socket of this.#silent) socket.destroy();
  }

  #connected(): Promise<Socket | undefined> {
    const { host, port } = this.#to;
    const socket = connect({ host, port, localAddress: '127.0.0.9', timeout: CONNECT_MS });
    socket.resume();
    return new Promise((resolve) => {
      socket.once('connect', () => resolve(socket));
      socket.on('error', () => resolve(undefined));
      socket.once('timeout', () => socket.destroy());
      socket.once('close', () => resolve(undefined));
    });
  }

  #hold(socket: Socket): void {
    this.#silent.push(socket);
    if (this.#silent.length > MOST_SILENT) this.#silent.shift()?.resetAndDestroy();
  }
}

/** The registry: framed messages, whole, in part, many at once, and longer than they are. */
export function registryStates(): States {
  const lookup = framed({ type: 'lookup', node_id: 1 });
  return [
    lookup,
    framed({ type: 'register', public_key: 'AAAA', listen_addr: '127.0.0.1:0' }),
    Buffer.concat(Array.from({ length: 200 }, () => lookup)),
    Buffer.concat([lookup, Buffer.from([0x7f, 0xff, 0xff, 0xff])]),
    new Uint8Array(4),
    // as TLS begins, where plain words are expected
    Buffer.from([22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]),
  ];
}

/** The OTLP receiver: requests cut off in their head, in their body, before and behind their reply. */
export function otlpStates(): States {
  const head = 'POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';
  return [
    `${head}Content-Length: 2\r\n\r\n{}`,
    `${head}Content-Length: 1000000\r\n\r\n{"resourceSpans":[`,
    `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"res`,
    `${head}Content-Encoding: gzip\r\nContent-Length: 10\r\n\r\n\u001f\u008b\u0008`,
    `${head}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`,
    `${head}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    `${`${head}Content-Length: 2\r\n\r\n{}`.repeat(50)}`,
    'GET / HTTP/1.1\r\n\r\n',
    'CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n',
  ];
}

/** The deck's port: pages, refused and admitted WebSockets, and what may follow them before a token. */
export function deckStates(host: string, token: string): States {
  const upgrade = (origin: string) =>
    `GET /rpc HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`;
  const admitted = Buffer.from(upgrade(`http://${host}`));
  return [
    `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(20),
    upgrade('https://evil.example'),
    `${upgrade('null')}${upgrade('null')}`,
    `GET /other HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    `GET /rpc HTTP/1.1\r\nHost: ${host}\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n`,
    admitted,
    Buffer.concat([admitted, webSocketFrame(JSON.stringify({ token: 'x'.repeat(32) }))]),
    Buffer.concat([admitted, webSocketFrame(JSON.stringify({ token }))]),
    Buffer.concat([admitted, Buffer.from([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])]),
    Buffer.concat([admitted, Buffer.from([0x88, 0x80, 0, 0, 0, 0])]),
  ];
}

/** A text frame as a client sends it, under a mask of zeros. */
function webSocketFrame(text: string): Uint8Array {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | body.length, 0, 0, 0, 0]), body]);
}

function framed(request: Parameters<typeof encodeRegistryReply>[0]): Uint8Array {
  return encodeLengthPrefixed(encodeRegistryReply(request));
}
