import { stageFigures } from '../collector/loss-ledger.ts';
import type { LedgerStage } from '../contract/status.ts';
import type { GraphNames } from '../mesh/graph-names.ts';
import type { Topology } from '../mesh/topology.ts';
import type { RunningNode } from '../runtime/running-node.ts';

/** Agents whose losses are told one by one. */
const MOST_NAMED = 20;

/** The stages of the loss ledger that this node can tell by itself: its spans, its peers' exports, its datagrams, and the picture. */
export function nodeStages(node: RunningNode, recorded: number, topology: Topology, names: GraphNames): LedgerStage[] {
  return [
    { stage: 'node', received: recorded, kept: recorded, dropped: 0, reasons: {} },
    peerExports(node.nodeId, topology, names),
    frames(node),
    datagrams(node),
    stageFigures('mesh', topology.taken, topology.dropped),
  ];
}

/**
 * What the exporters of our peers say they recorded and lost. They may say anything: sums stay within whole numbers, and
 * those that lost most are named.
 */
export function peerExports(self: number, topology: Topology, names: Pick<GraphNames, 'agent'>): LedgerStage {
  let [received, dropped] = [0, 0];
  const losses: [nodeId: number, lost: number][] = [];
  for (const { nodeId, report } of topology.nodes.values()) {
    if (nodeId === self) continue;
    const lost = Math.min(report.exportDropped, report.recorded);
    received = Math.min(received + report.recorded, Number.MAX_SAFE_INTEGER);
    dropped = Math.min(dropped + lost, Number.MAX_SAFE_INTEGER);
    if (lost > 0) losses.push([nodeId, lost]);
  }
  losses.sort(([, one], [, other]) => other - one);
  const reasons: Record<string, number> = {};
  for (const [nodeId, lost] of losses.slice(0, MOST_NAMED)) reasons[names.agent(nodeId)] = lost;
  const others = losses.slice(MOST_NAMED).reduce((sum, [, lost]) => Math.min(sum + lost, Number.MAX_SAFE_INTEGER), 0);
  if (others > 0) reasons[`${losses.length - MOST_NAMED} others`] = others;
  return { stage: 'peer export', received, kept: received - dropped, dropped, reasons };
}

/** What came through tunnels, and what of it was of no use: no key opened it, or no stream or service took it. */
function frames(node: RunningNode): LedgerStage {
  const opened = node.peers().reduce((sum, peer) => sum + (node.tunnelReport(peer)?.packetsReceived ?? 0), 0);
  const reasons = new Map(node.frameDrops);
  for (const [reason, count] of node.streamDrops) reasons.set(`stream: ${reason}`, count);
  for (const [reason, count] of node.serviceFaults) reasons.set(`service: ${reason}`, count);
  const unused = [...node.streamDrops.values(), ...node.serviceFaults.values()].reduce((sum, count) => sum + count, 0);
  return stageFigures('frames', Math.max(0, opened - unused), Object.fromEntries(reasons));
}

function datagrams({ datagrams: { outgoing, incoming, dropped } }: RunningNode): LedgerStage {
  return stageFigures('datagrams', outgoing + incoming - dropped.total, Object.fromEntries(dropped.counts));
}
