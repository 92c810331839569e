import { expect, test } from 'vitest';
import type { Instant } from '../../../../node-core/base/clock.ts';
import { PilotNode } from '../../../../node-core/node/pilot-node.ts';
import {
  base64,
  encodeRegistryReply,
  type JsonObject,
  parseRegistryMessage,
} from '../../../../node-core/wire/registry-message.ts';
import { identityOf } from '../../../support/registry-bench.ts';
import { seededBytes, seededRandom } from '../../../support/seeded-random.ts';

const PEER = 2;
const at = (ms: number): Instant => ({ monotonicMs: ms, unixNano: BigInt(ms) * 1_000_000n });

/** The endpoints a node sends to when its registry says of a peer what `resolved` holds. */
function endpointsTried(resolved: JsonObject): { readonly tried: string[]; readonly unusable: number } {
  const profile = {
    listenAddress: '10.0.0.1:4000',
    lanAddresses: ['10.0.0.1:4000'],
    version: 'test',
    hostname: '',
    public: true,
    tags: [],
  };
  const node = new PilotNode({ identity: identityOf(1), random: seededBytes(seededRandom(1)), profile }, at(0));
  const replies: Readonly<Record<string, JsonObject>> = {
    register: { type: 'register_ok', node_id: 1, address: '0:0000.0000.0001' },
    lookup: { type: 'lookup_ok', public_key: base64(identityOf(2).publicKey) },
    resolve: { type: 'resolve_ok', ...resolved },
  };
  const tried = new Set<string>();
  node.handleTimeout(at(0));
  node.handleRegistryOpened(at(0));
  for (let ms = 0; ms < 3_000; ms += 100) {
    node.handleTimeout(at(ms));
    if (ms === 100) node.tunnels.ping(PEER, at(ms), { timeoutMs: 2_000 });
    for (let message = node.pollRegistrySend(); message !== undefined; message = node.pollRegistrySend()) {
      const type = String(parseRegistryMessage(message).type);
      node.handleRegistryMessage(encodeRegistryReply(replies[type] ?? { type: `${type}_ok` }), at(ms));
    }
    for (let out = node.pollTransmit(at(ms)); out !== undefined; out = node.pollTransmit(at(ms)))
      tried.add(`${out.to.host} ${out.to.port}`);
    while (node.pollEvent() !== undefined);
  }
  return { tried: [...tried].sort(), unusable: node.tunnels.drops().get('unusable-endpoint') ?? 0 };
}

test('a peer is tried where the registry says that it is', () => {
  expect(endpointsTried({ real_addr: '192.0.2.7:4000', lan_addrs: ['10.0.0.7:4001'] })).toEqual({
    tried: ['10.0.0.7 4001', '192.0.2.7 4000'],
    unusable: 0,
  });
});

test.each(['192.0.2.7:0', 'example.org:4000', '0.0.0.0:4000', '[ff02::1]:4000', '192.0.2.7', 'x:0'])(
  'nothing is sent to %s, whatever the registry says',
  (address) => {
    expect(endpointsTried({ real_addr: address }).tried).toEqual([]);
    expect(endpointsTried({ lan_addrs: [address.replace('192.0.2', '10.0.0')] }).tried).toEqual([]);
  },
);

test.each([
  { resolved: { real_addr: '192.0.2.7:0' }, told: 'port 0' },
  { resolved: { real_addr: 'example.org:4000' }, told: 'a name' },
  { resolved: { lan_addrs: ['10.0.0.7:0'] }, told: 'port 0 in its LAN' },
])('$told that a registry names for a peer is counted', ({ resolved }) => {
  expect(endpointsTried(resolved).unusable).toBeGreaterThan(0);
});
