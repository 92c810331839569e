import { stageFigures } from '../collector/loss-ledger.ts';
import type { LedgerStage } from '../contract/status.ts';
import type { GraphNames } from '../mesh/graph-names.ts';
import type { Topology } from '../mesh/topology.ts';
import type { RunningNode } from '../runtime/running-node.ts';

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

/** What the exporters of our peers say they recorded and lost. */
function peerExports(self: number, topology: Topology, names: GraphNames): LedgerStage {
  const reports = [...topology.nodes.values()].filter(({ nodeId }) => nodeId !== self);
  const received = reports.reduce((sum, { report }) => sum + report.recorded, 0);
  const dropped = reports.reduce((sum, { report }) => sum + report.exportDropped, 0);
  const reasons = Object.fromEntries(
    reports.flatMap(({ nodeId, report }) =>
      report.exportDropped > 0 ? [[names.agent(nodeId), report.exportDropped]] : [],
    ),
  );
  return { stage: 'peer export', received, kept: received - dropped, dropped, reasons };
}

function frames(node: RunningNode): LedgerStage {
  const { tunnels } = node.core;
  const drops = tunnels.drops();
  const dropped = [...drops.values()].reduce((sum, count) => sum + count, 0);
  const kept = tunnels.peers().reduce((sum, peer) => sum + (node.core.tunnelReport(peer)?.packetsReceived ?? 0), 0);
  return { stage: 'frames', received: kept + dropped, kept, dropped, reasons: Object.fromEntries(drops) };
}

function datagrams({ datagrams: { outgoing, incoming, dropped } }: RunningNode): LedgerStage {
  return stageFigures('datagrams', outgoing + incoming - dropped.total, Object.fromEntries(dropped.counts));
}
