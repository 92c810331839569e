import { ByteWriter, toHex, utf8 } from '../base/bytes.ts';
import { KEY_LENGTH, NONCE_LENGTH } from '../wire/tunnel-frame.ts';
import { requireLength } from './key-bytes.ts';
import { nativePrimitives } from './native-primitives.ts';

/** What the dialler of a stream knows before it is answered. Keys are Ed25519, of the PILAs of the session. */
export interface DialFacts {
  readonly diallerKey: Uint8Array;
  readonly diallerPort: number;
  readonly acceptorKey: Uint8Array;
  readonly acceptorPort: number;
  /** Sequence of the SYN. */
  readonly diallerSequence: number;
}

/** What both ends of an open stream know. */
export interface FlowFacts extends DialFacts {
  /** Sequence of the SYN|ACK. */
  readonly acceptorSequence: number;
}

/** What both ends of a datagram know. */
export interface DatagramFacts {
  readonly senderKey: Uint8Array;
  readonly receiverKey: Uint8Array;
  readonly senderTunnelKey: Uint8Array;
  readonly receiverTunnelKey: Uint8Array;
  /** Of the sealed frame that carried it. */
  readonly nonce: Uint8Array;
}

const FLOW_LABEL = utf8('pilot-flow-v1');
const DATAGRAM_LABEL = utf8('pilot-datagram-v1');
const ID_LENGTH = 16;

/**
 * The id both ends of a stream compute, each alone: the first 16 bytes of SHA-256 over `pilot-flow-v1` | dialler key 32 |
 * dialler port uint16 | acceptor key 32 | acceptor port uint16 | SYN sequence uint32 | SYN|ACK sequence uint32, as hex.
 *
 * @throws PilotError `key.invalid` for a key of another length, as a span may claim one.
 * @see PROTOCOL.md, "Flow identity"
 */
export function computeFlowId(flow: FlowFacts): string {
  return shortHash(writeDial(flow, 4).uint32(flow.acceptorSequence).bytes);
}

/**
 * The flow id without its last field, for a dial whose answer was never seen.
 *
 * @throws PilotError `key.invalid`
 */
export function computeDialId(dial: DialFacts): string {
  return shortHash(writeDial(dial, 0).bytes);
}

/**
 * The same for a datagram: `pilot-datagram-v1` | both Ed25519 keys | both X25519 keys | nonce 12, the sender's key first.
 *
 * @throws PilotError `key.invalid`
 */
export function computeDatagramId(datagram: DatagramFacts): string {
  requireKeys(datagram.senderKey, datagram.receiverKey, datagram.senderTunnelKey, datagram.receiverTunnelKey);
  requireLength(datagram.nonce, NONCE_LENGTH, 'a nonce');
  const writer = new ByteWriter(DATAGRAM_LABEL.length + 4 * KEY_LENGTH + NONCE_LENGTH)
    .copy(DATAGRAM_LABEL)
    .copy(datagram.senderKey)
    .copy(datagram.receiverKey)
    .copy(datagram.senderTunnelKey)
    .copy(datagram.receiverTunnelKey)
    .copy(datagram.nonce);
  return shortHash(writer.bytes);
}

function writeDial(dial: DialFacts, more: number): ByteWriter {
  requireKeys(dial.diallerKey, dial.acceptorKey);
  return new ByteWriter(FLOW_LABEL.length + 2 * (KEY_LENGTH + 2) + 4 + more)
    .copy(FLOW_LABEL)
    .copy(dial.diallerKey)
    .uint16(dial.diallerPort)
    .copy(dial.acceptorKey)
    .uint16(dial.acceptorPort)
    .uint32(dial.diallerSequence);
}

function requireKeys(...keys: readonly Uint8Array[]): void {
  for (const key of keys) requireLength(key, KEY_LENGTH, 'a public key');
}

function shortHash(bytes: Uint8Array): string {
  return toHex(nativePrimitives.sha256(bytes).subarray(0, ID_LENGTH));
}
