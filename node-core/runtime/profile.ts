import { type Endpoint, formatEndpoint } from '../base/transport.ts';
import type { NodeProfile } from '../node/registry-profile.ts';

/** What a node tells its registry, from what was chosen for it. */
export function createProfile(
  chosen: Partial<NodeProfile> & { readonly listen: Endpoint; readonly version: string },
): NodeProfile {
  return {
    listenAddress: chosen.listenAddress ?? formatEndpoint(chosen.listen),
    lanAddresses: chosen.lanAddresses ?? [],
    version: chosen.version,
    hostname: chosen.hostname ?? '',
    public: chosen.public ?? false,
    tags: chosen.tags ?? [],
  };
}
