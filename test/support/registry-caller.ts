import type { Endpoint, FramedChannel } from '../../node-core/base/transport.ts';
import { parseEndpoint } from '../../node-core/base/transport.ts';
import { openChannel } from '../../node-core/io/open-channel.ts';
import { encodeRegistryReply, type JsonObject, parseRegistryMessage } from '../../node-core/wire/registry-message.ts';
import { publicKeyOf, signedRequest } from './registry-bench.ts';

/** Asks a running registry over one connection, request by request, as any of the numbered identities. */
export class RegistryCaller {
  readonly #channel: FramedChannel;
  readonly #waiting: { resolve: (reply: JsonObject) => void; reject: (error: Error) => void }[] = [];

  #closed: string | undefined;

  private constructor(channel: FramedChannel) {
    this.#channel = channel;
    channel.onMessage = (message) => this.#waiting.shift()?.resolve(parseRegistryMessage(message));
    channel.onClosed = (reason) => {
      this.#closed = reason;
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(reason));
    };
  }

  static async open(registry: unknown): Promise<RegistryCaller> {
    const endpoint: Endpoint | undefined = parseEndpoint(String(registry));
    if (endpoint === undefined) throw new Error(`not an endpoint: ${registry}`);
    return new RegistryCaller(await openChannel(endpoint, 5_000));
  }

  /** Rejects when the connection ends before the reply. */
  ask(seed: number, type: string, fields: JsonObject = {}): Promise<JsonObject> {
    return this.send(signedRequest(seed, type, fields));
  }

  register(seed: number, fields: JsonObject = {}): Promise<JsonObject> {
    return this.ask(seed, 'register', { listen_addr: '127.0.0.1:4000', public_key: publicKeyOf(seed), ...fields });
  }

  send(request: JsonObject): Promise<JsonObject> {
    if (this.#closed !== undefined) return Promise.reject(new Error(this.#closed));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#channel.send(encodeRegistryReply(request));
    });
  }

  close(): void {
    this.#channel.close();
  }
}
