import { ByteReader, ByteWriter } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';
import type { Endpoint } from '../base/transport.ts';
import { encodeIpAddress, formatIpAddress } from './ip-address.ts';

/** The kind of a notify message that says: a trust handshake waits for you at the registry. */
export const NOTIFY_HANDSHAKE = 1;

const TYPE = {
  discover: 0x01,
  'discover-reply': 0x02,
  'punch-request': 0x03,
  'punch-command': 0x04,
  relay: 0x05,
  'relay-deliver': 0x06,
  sync: 0x07,
  'discover-ex': 0x08,
  'relay-deliver-dest': 0x09,
  notify: 0x0a,
} as const;

/** Proof that the target of a punch allows it: signed by the target over requester, target and expiry. */
export interface PunchGrant {
  readonly expiryUnixSeconds: bigint;
  readonly signature: Uint8Array;
}

/** What a node and a beacon, or two beacons, say to each other. None of it is authenticated. */
export type BeaconMessage =
  /** Node to beacon: who am I, seen from outside? Node id 0 is "not registered yet". */
  | { readonly kind: 'discover'; readonly nodeId: number; readonly ed25519PublicKey?: Uint8Array }
  | { readonly kind: 'discover-reply'; readonly endpoint: Endpoint }
  | {
      readonly kind: 'punch-request';
      readonly requesterNodeId: number;
      readonly targetNodeId: number;
      readonly grant?: PunchGrant;
    }
  | { readonly kind: 'punch-command'; readonly endpoint: Endpoint }
  /** Node to beacon, and beacon to beacon. */
  | {
      readonly kind: 'relay';
      readonly senderNodeId: number;
      readonly destinationNodeId: number;
      readonly frame: Uint8Array;
    }
  | { readonly kind: 'relay-deliver'; readonly senderNodeId: number; readonly frame: Uint8Array }
  | { readonly kind: 'sync'; readonly beaconId: number; readonly nodeIds: readonly number[] }
  /** As discover, from an endpoint that hosts several nodes and wants the destination named in what is relayed to it. */
  | { readonly kind: 'discover-ex'; readonly nodeId: number }
  | {
      readonly kind: 'relay-deliver-dest';
      readonly senderNodeId: number;
      readonly destinationNodeId: number;
      readonly frame: Uint8Array;
    }
  | { readonly kind: 'notify'; readonly notification: number };

const PUBLIC_KEY_LENGTH = 32;
const GRANT_LENGTH = 72;
const MAX_SYNC_NODES = 0xffff;

/**
 * Decodes a beacon message: type 1 | fields of the type. Bytes after the last field are ignored.
 *
 * @param datagram - One UDP payload. `frame` and keys are views into it, not copies.
 * @throws PilotError `frame.magic` for an unknown type, `frame.truncated`, `frame.invalid` for a bad IP length.
 * @see PROTOCOL.md, "Beacon messages"
 */
export function decodeBeaconMessage(datagram: Uint8Array): BeaconMessage {
  const reader = new ByteReader(datagram, 'beacon message');
  const type = reader.uint8();
  switch (type) {
    case TYPE.discover:
      return decodeDiscover(reader);
    case TYPE['discover-reply']:
      return { kind: 'discover-reply', endpoint: readEndpoint(reader) };
    case TYPE['punch-request']:
      return decodePunchRequest(reader);
    case TYPE['punch-command']:
      return { kind: 'punch-command', endpoint: readEndpoint(reader) };
    case TYPE.relay:
      return {
        kind: 'relay',
        senderNodeId: reader.uint32(),
        destinationNodeId: reader.uint32(),
        frame: reader.rest(),
      };
    case TYPE['relay-deliver']:
      return { kind: 'relay-deliver', senderNodeId: reader.uint32(), frame: reader.rest() };
    case TYPE.sync:
      return decodeSync(reader);
    case TYPE['discover-ex']:
      return { kind: 'discover-ex', nodeId: reader.uint32() };
    case TYPE['relay-deliver-dest']:
      return {
        kind: 'relay-deliver-dest',
        senderNodeId: reader.uint32(),
        destinationNodeId: reader.uint32(),
        frame: reader.rest(),
      };
    case TYPE.notify:
      return { kind: 'notify', notification: reader.uint8() };
    default:
      throw new PilotError('frame.magic', `unknown beacon message type ${type}`, { type });
  }
}

/** @throws PilotError `address.invalid` for an endpoint that is not a literal address, `frame.oversize` for a sync of more than 65,535 nodes. */
export function encodeBeaconMessage(message: BeaconMessage): Uint8Array {
  switch (message.kind) {
    case 'discover': {
      const key = message.ed25519PublicKey ?? new Uint8Array(0);
      return start(message.kind, 4 + key.length)
        .uint32(message.nodeId)
        .copy(key).bytes;
    }
    case 'discover-reply':
    case 'punch-command': {
      const ip = encodeIpAddress(message.endpoint.host);
      return start(message.kind, 3 + ip.length)
        .uint8(ip.length)
        .copy(ip)
        .uint16(message.endpoint.port).bytes;
    }
    case 'punch-request': {
      const writer = start(message.kind, 8 + (message.grant === undefined ? 0 : GRANT_LENGTH));
      writer.uint32(message.requesterNodeId).uint32(message.targetNodeId);
      if (message.grant !== undefined) writer.uint64(message.grant.expiryUnixSeconds).copy(message.grant.signature);
      return writer.bytes;
    }
    case 'relay':
    case 'relay-deliver-dest': {
      const { senderNodeId, destinationNodeId, frame } = message;
      return start(message.kind, 8 + frame.length)
        .uint32(senderNodeId)
        .uint32(destinationNodeId)
        .copy(frame).bytes;
    }
    case 'relay-deliver':
      return start(message.kind, 4 + message.frame.length)
        .uint32(message.senderNodeId)
        .copy(message.frame).bytes;
    case 'sync':
      return encodeSync(message.beaconId, message.nodeIds);
    case 'discover-ex':
      return start(message.kind, 4).uint32(message.nodeId).bytes;
    case 'notify':
      return start(message.kind, 1).uint8(message.notification).bytes;
    default:
      throw message satisfies never;
  }
}

function decodeDiscover(reader: ByteReader): BeaconMessage {
  const nodeId = reader.uint32();
  if (reader.remaining < PUBLIC_KEY_LENGTH) return { kind: 'discover', nodeId };
  return { kind: 'discover', nodeId, ed25519PublicKey: reader.view(PUBLIC_KEY_LENGTH) };
}

function decodePunchRequest(reader: ByteReader): BeaconMessage {
  const ids = { requesterNodeId: reader.uint32(), targetNodeId: reader.uint32() };
  if (reader.remaining < GRANT_LENGTH) return { kind: 'punch-request', ...ids };
  const grant = { expiryUnixSeconds: reader.uint64(), signature: reader.view(64) };
  return { kind: 'punch-request', ...ids, grant };
}

function decodeSync(reader: ByteReader): BeaconMessage {
  const beaconId = reader.uint32();
  const nodes = new ByteReader(reader.view(4 * reader.uint16()), 'beacon sync');
  return { kind: 'sync', beaconId, nodeIds: Array.from({ length: nodes.remaining / 4 }, () => nodes.uint32()) };
}

function encodeSync(beaconId: number, nodeIds: readonly number[]): Uint8Array {
  if (nodeIds.length > MAX_SYNC_NODES) throw new PilotError('frame.oversize', 'too many nodes for one sync');
  const writer = start('sync', 6 + 4 * nodeIds.length)
    .uint32(beaconId)
    .uint16(nodeIds.length);
  for (const nodeId of nodeIds) writer.uint32(nodeId);
  return writer.bytes;
}

function readEndpoint(reader: ByteReader): Endpoint {
  return { host: formatIpAddress(reader.view(reader.uint8())), port: reader.uint16() };
}

function start(kind: BeaconMessage['kind'], bodyLength: number): ByteWriter {
  return new ByteWriter(1 + bodyLength).uint8(TYPE[kind]);
}
