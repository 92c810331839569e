import { FLAG, hasFlag, type Packet, PORT, PROTOCOL } from '../wire/packet.ts';

/** What a control packet to port 0 asks of its receiver. */
export type ControlKind = 'keepalive' | 'ping' | 'pong' | 'unknown';

const NOTHING = new Uint8Array(0);

/**
 * Sorts a control packet. Empty is a keepalive, whatever else it says; an ACK is never answered, so that no two nodes
 * can echo each other without end.
 */
export function controlKind(packet: Packet): ControlKind {
  if (packet.destinationPort !== PORT.ping && !hasFlag(packet, FLAG.ack)) return 'unknown';
  if (packet.payload.length === 0) return 'keepalive';
  return hasFlag(packet, FLAG.ack) ? 'pong' : 'ping';
}

/** A ping needs a source port other than 0 and a payload that is not empty, and names its addressee. */
export function pingPacket(
  ownNodeId: number,
  peerNodeId: number,
  ping: { readonly sourcePort: number; readonly sequence: number; readonly payload: Uint8Array },
): Packet {
  return { ...control(ownNodeId, peerNodeId), ...ping };
}

/** The answer: ACK, the ping's destination as source (node 0 means us), its sequence, sequence + 1, its payload. */
export function pongPacket(ownNodeId: number, ping: Packet): Packet {
  return {
    ...control(ownNodeId, ping.source.node),
    flags: FLAG.ack,
    source: { network: ping.destination.network, node: ownNodeId },
    destination: ping.source,
    destinationPort: ping.sourcePort,
    sequence: ping.sequence,
    acknowledgement: (ping.sequence + 1) >>> 0,
    payload: ping.payload,
  };
}

/** Keeps the mapping of a NAT open: nothing in it, and nothing comes back. */
export function keepalivePacket(ownNodeId: number, peerNodeId: number): Packet {
  return control(ownNodeId, peerNodeId);
}

/** Nodes before 1.12.1 leave the source of their keepalives empty: the one packet that may. */
export function isAnonymousKeepalive(packet: Packet): boolean {
  return (
    packet.protocol === PROTOCOL.control &&
    packet.destinationPort === PORT.ping &&
    packet.source.node === 0 &&
    packet.payload.length === 0
  );
}

function control(ownNodeId: number, peerNodeId: number): Packet {
  return {
    flags: 0,
    protocol: PROTOCOL.control,
    source: { network: 0, node: ownNodeId },
    destination: { network: 0, node: peerNodeId },
    sourcePort: PORT.ping,
    destinationPort: PORT.ping,
    sequence: 0,
    acknowledgement: 0,
    window: 0,
    payload: NOTHING,
  };
}
