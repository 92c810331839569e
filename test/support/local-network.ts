import type { Endpoint } from '../../node-core/base/transport.ts';
import { parseEndpoint } from '../../node-core/base/transport.ts';
import { startRendezvous } from '../../node-core/cli/rendezvous-command.ts';
import { createIdentity } from '../../node-core/host/identity-file.ts';
import { createProfile, RunningNode, type RunningNodeOptions } from '../../node-core/host/running-node.ts';
import { SystemClock } from '../../node-core/io/system-clock.ts';
import { UdpSocket } from '../../node-core/io/udp-socket.ts';
import type { RegistryProfile } from '../../node-core/node/registry-client.ts';

const ANY: Endpoint = { host: '127.0.0.1', port: 0 };

/** A rendezvous and nodes on loopback, for tests that need the real thing; `close` ends them all. */
export class LocalNetwork {
  readonly registry: Endpoint;
  readonly beacon: Endpoint;
  readonly #stop: (() => Promise<void>)[];

  private constructor(registry: Endpoint, beacon: Endpoint, stop: () => Promise<void>) {
    this.registry = registry;
    this.beacon = beacon;
    this.#stop = [stop];
  }

  static async start(groups: readonly string[] = [], store?: string): Promise<LocalNetwork> {
    const { ready, stop } = await startRendezvous({
      registry: ANY,
      beacon: ANY,
      store,
      groups,
      adminToken: undefined,
      rateLimits: true,
    });
    return new LocalNetwork(endpointOf(ready.registry), endpointOf(ready.beacon), stop);
  }

  async node(
    profile: Partial<Pick<RegistryProfile, 'hostname' | 'public' | 'tags'>> = {},
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
    this.#stop.unshift(() => node.stop());
    await node.registered();
    return node;
  }

  async close(): Promise<void> {
    for (const stop of this.#stop) await stop();
  }
}

function endpointOf(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) throw new Error(`not an endpoint: ${text}`);
  return endpoint;
}
