import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { parseEndpoint } from '../../node-core/base/transport.ts';

/** An agent of HTTP whose connection is this stream. */
export class StreamAgent extends Agent {
  readonly #stream: Duplex;
  constructor(stream: Duplex) {
    super({ keepAlive: true, maxSockets: 1 });
    this.#stream = stream;
  }
  override createConnection(): Duplex {
    return this.#stream;
  }
  // a stream has none of the switches of a socket
  override keepSocketAlive(): boolean {
    return true;
  }
  override reuseSocket(): void {}
}

/** Posts protobuf to `H:P/path`, over TCP or by the agent that is given, and returns the status. */
export async function postProtobuf(to: string, body: Uint8Array, agent: Agent | undefined): Promise<number> {
  const slash = to.indexOf('/');
  const { host = '', port } = parseEndpoint(to.slice(0, slash)) ?? {};
  const outgoing = request({
    method: 'POST',
    host,
    port,
    path: to.slice(slash),
    agent,
    headers: { 'content-type': 'application/x-protobuf', 'content-length': body.length },
  });
  outgoing.end(body);
  const [reply] = await once(outgoing, 'response');
  reply.resume();
  return reply.statusCode;
}
