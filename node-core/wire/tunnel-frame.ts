import { ByteReader, ByteWriter, concatBytes, utf8 } from '../base/bytes.ts';
import { PilotError } from '../base/errors.ts';

export const NONCE_LENGTH = 12;
export const NONCE_PREFIX_LENGTH = 4;
export const TAG_LENGTH = 16;
export const KEY_LENGTH = 32;
export const SIGNATURE_LENGTH = 64;
export const COOKIE_LENGTH = 16;

const MAGIC = {
  plaintext: 0x5049_4c54, // PILT
  sealed: 0x5049_4c53, // PILS
  keyRequest: 0x5049_4c4b, // PILK
  keyExchange: 0x5049_4c41, // PILA
  punch: 0x5049_4c50, // PILP
} as const;
export const TUNNEL_MAGIC: Readonly<Record<keyof typeof MAGIC, number>> = MAGIC;

/** `PILC`, behind the last field of a PILK or PILA: a cookie follows. Nodes that do not know it ignore what is there. */
const COOKIE_MAGIC = 0x5049_4c43;

/** A datagram whose first byte is below this is a message from or to the beacon. */
const BEACON_TYPES = 0x10;

/** `PILT`: an inner packet in the clear. Nothing of ours sends it, and no encrypted node accepts it. */
export interface PlaintextFrame {
  readonly kind: 'plaintext';
  readonly packet: Uint8Array;
}

/** `PILS`: an inner packet under AES-256-GCM; the associated data is the sender's node id. */
export interface SealedFrame {
  readonly kind: 'sealed';
  readonly senderNodeId: number;
  /** Random prefix 4 | counter uint64. */
  readonly nonce: Uint8Array;
  /** Ends in the 16-byte tag. */
  readonly ciphertext: Uint8Array;
}

/** `PILK`: once an unsigned key exchange, today the question "send me your PILA". */
export interface KeyRequestFrame {
  readonly kind: 'key-request';
  readonly senderNodeId: number;
  readonly x25519PublicKey: Uint8Array;
  /** The PILA that answers shall bring this back: 16 bytes. */
  readonly cookie?: Uint8Array;
}

/** `PILA`: the sender's tunnel key, signed with its identity. It has no time and no addressee, so it can be replayed. */
export interface KeyExchangeFrame {
  readonly kind: 'key-exchange';
  readonly senderNodeId: number;
  readonly x25519PublicKey: Uint8Array;
  readonly ed25519PublicKey: Uint8Array;
  readonly signature: Uint8Array;
  /** That of the PILK which this answers; not covered by the signature. */
  readonly cookie?: Uint8Array;
}

/** `PILP`: opens a hole in a NAT, and says nothing. */
export interface PunchFrame {
  readonly kind: 'punch';
}

export type TunnelFrame = PlaintextFrame | SealedFrame | KeyRequestFrame | KeyExchangeFrame | PunchFrame;

/** Sorts a UDP payload by its first bytes, before anything is decoded. */
export function classifyDatagram(datagram: Uint8Array): 'beacon' | 'tunnel' | 'ignored' {
  const first = datagram[0];
  if (first === undefined) return 'ignored';
  if (first < BEACON_TYPES) return 'beacon';
  return Object.values(MAGIC).some((magic) => magic === readMagic(datagram)) ? 'tunnel' : 'ignored';
}

/**
 * Decodes a tunnel frame: `PILT` | packet; `PILS` | sender uint32 | nonce 12 | ciphertext and tag; `PILK` | sender
 * uint32 | X25519 key 32; `PILA` | sender uint32 | X25519 key 32 | Ed25519 key 32 | signature 64; `PILP`.
 * Behind PILK and PILA `PILC` | cookie 16 may stand. Other bytes after the last field are ignored: older nodes append some
 * to PILA.
 *
 * @param datagram - One UDP payload, or the content of a relay message. Fields are views into it, not copies.
 * @throws PilotError `frame.magic` for anything else, `frame.truncated` for less than a whole frame.
 * @see PROTOCOL.md, "Tunnel frames"
 */
export function decodeTunnelFrame(datagram: Uint8Array): TunnelFrame {
  const reader = new ByteReader(datagram, 'tunnel frame');
  switch (reader.uint32()) {
    case MAGIC.plaintext:
      return { kind: 'plaintext', packet: reader.rest() };
    case MAGIC.sealed:
      return {
        kind: 'sealed',
        senderNodeId: reader.uint32(),
        nonce: reader.view(NONCE_LENGTH),
        ciphertext: reader.rest({ atLeast: TAG_LENGTH }),
      };
    case MAGIC.keyRequest:
      return {
        kind: 'key-request',
        senderNodeId: reader.uint32(),
        x25519PublicKey: reader.view(KEY_LENGTH),
        ...decodeCookie(reader.rest()),
      };
    case MAGIC.keyExchange:
      return {
        kind: 'key-exchange',
        senderNodeId: reader.uint32(),
        x25519PublicKey: reader.view(KEY_LENGTH),
        ed25519PublicKey: reader.view(KEY_LENGTH),
        signature: reader.view(SIGNATURE_LENGTH),
        ...decodeCookie(reader.rest()),
      };
    case MAGIC.punch:
      return { kind: 'punch' };
    default:
      throw new PilotError('frame.magic', 'not a tunnel frame');
  }
}

export function encodeTunnelFrame(frame: TunnelFrame): Uint8Array {
  switch (frame.kind) {
    case 'plaintext':
      return concatBytes(head(MAGIC.plaintext), frame.packet);
    case 'sealed':
      return concatBytes(head(MAGIC.sealed, frame.senderNodeId), frame.nonce, frame.ciphertext);
    case 'key-request':
      return concatBytes(head(MAGIC.keyRequest, frame.senderNodeId), frame.x25519PublicKey, encodeCookie(frame.cookie));
    case 'key-exchange': {
      const { x25519PublicKey, ed25519PublicKey, signature } = frame;
      return concatBytes(
        head(MAGIC.keyExchange, frame.senderNodeId),
        x25519PublicKey,
        ed25519PublicKey,
        signature,
        encodeCookie(frame.cookie),
      );
    }
    case 'punch':
      return head(MAGIC.punch);
    default:
      throw frame satisfies never;
  }
}

/** What the signature of a PILA covers: ASCII `auth` | sender node id uint32 | X25519 public key 32. */
export function keyExchangeSignedBytes(nodeId: number, x25519PublicKey: Uint8Array): Uint8Array {
  return concatBytes(utf8('auth'), sealedFrameAssociatedData(nodeId), x25519PublicKey);
}

/** What the tag of a PILS covers besides the ciphertext: the sender's node id, as it stands in the frame. */
export function sealedFrameAssociatedData(senderNodeId: number): Uint8Array {
  return new ByteWriter(4).uint32(senderNodeId).bytes;
}

function decodeCookie(trailer: Uint8Array): { readonly cookie?: Uint8Array } {
  if (trailer.length !== 4 + COOKIE_LENGTH || readMagic(trailer) !== COOKIE_MAGIC) return {};
  return { cookie: trailer.subarray(4) };
}

function encodeCookie(cookie: Uint8Array | undefined): Uint8Array {
  return cookie === undefined ? new Uint8Array(0) : concatBytes(head(COOKIE_MAGIC), cookie);
}

function head(magic: number, senderNodeId?: number): Uint8Array {
  const writer = new ByteWriter(senderNodeId === undefined ? 4 : 8).uint32(magic);
  if (senderNodeId !== undefined) writer.uint32(senderNodeId);
  return writer.bytes;
}

function readMagic(datagram: Uint8Array): number | undefined {
  if (datagram.length < 4) return undefined;
  return new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength).getUint32(0);
}
