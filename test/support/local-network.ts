import { Lifetime } from '../../node-core/base/lifetime.ts';
import type { Endpoint } from '../../node-core/base/transport.ts';
import { parseEndpoint } from '../../node-core/base/transport.ts';
import { startRendezvous } from '../../node-core/cli/rendezvous-command.ts';
import { SystemClock } from '../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../node-core/io/udp-socket.ts';
import type { NodeProfile } from '../../node-core/node/registry-profile.ts';
import { createIdentity } from '../../node-core/runtime/identity-file.ts';
import { createProfile } from '../../node-core/runtime/profile.ts';
import { RunningNode } from '../../node-core/runtime/running-node.ts';
import type { RunningNodeOptions } from '../../node-core/runtime/running-node-options.ts';

const ANY: Endpoint = { host: '127.0.0.1', port: 0 };

/** A rendezvous and nodes on loopback, for tests that need the real thing; `close` ends them all. */
export class LocalNetwork {
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  readonly #lifetime: Lifetime;

  private constructor(registry: Endpoint, beacon: Endpoint, lifetime: Lifetime) {
    this.registry = registry;
    this.beacon = beacon;
    this.#lifetime = lifetime;
  }

  static async start(groups: readonly string[] = [], store?: string): Promise<LocalNetwork> {
    const lifetime = new Lifetime();
    const limits = { acceptUnsigned: false, strict: false, rateLimits: true };
    const command = { registry: ANY, beacon: ANY, store, tls: undefined, groups, adminToken: undefined, ...limits };
    const { registry, beacon } = await startRendezvous(command, lifetime);
    return new LocalNetwork(endpointOf(registry), endpointOf(beacon), lifetime);
  }

  async node(
    profile: Partial<Pick<NodeProfile, 'hostname' | 'public' | 'tags'>> = {},
    options: Partial<RunningNodeOptions> = {},
  ): Promise<RunningNode> {
    const clock = new SystemClock();
    const socket = options.socket ?? (await UdpSocket.bind(ANY));
    const node = new RunningNode({
      identity: createIdentity(),
      profile: createProfile({ listen: socket.local, version: 'test', public: true, ...profile }),
      registry: this.registry,
      beacon: this.beacon,
      clock,
      ...options,
      socket,
    });
    this.#lifetime.onEnd(() => node.stop());
    await node.registered();
    return node;
  }

  close(): Promise<void> {
    return this.#lifetime.close();
  }
}

function endpointOf(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) throw new Error(`not an endpoint: ${text}`);
  return endpoint;
}
