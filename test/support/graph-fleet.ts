import type { DirectoryNode } from '../../node-core/mesh/directory-index.ts';
import { GraphState } from '../../node-core/mesh/graph-state.ts';
import { keyOf, NOON } from './report-rows.ts';

export const SELF = 1;

export const listed = (nodeId: number, hostname: string): DirectoryNode => ({
  nodeId,
  hostname,
  groupIds: [2],
  tags: ['fx'],
});

/** The operator's node 1 with filings (4) and fare-watch (9), both listed and in finance. */
export function fleet(): GraphState {
  const state = new GraphState();
  const publicKey = keyOf(SELF);
  state.setSelf({
    nodeId: SELF,
    hostname: 'desk',
    groupIds: [2],
    tags: [],
    version: '0.1.0',
    public: false,
    publicKey,
  });
  state.setDirectory([listed(4, 'filings'), listed(9, 'fare-watch')], NOON);
  state.setGroups([{ groupId: 2, name: 'finance', joined: true, joinRule: 'open', memberIds: [9, 1, 4] }]);
  state.setBeacons([{ id: '127.0.0.1:9001', name: 'beacon', state: 'ok', since: NOON }]);
  return state;
}
