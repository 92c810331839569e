import { fromHex, toHex } from '../../base/bytes.ts';
import type { Millis } from '../../base/clock.ts';
import { decoded } from '../../base/errors.ts';
import { openFrame } from '../../crypto/aead.ts';
import { verifySignature } from '../../crypto/identity.ts';
import { ReplayWindow } from '../../crypto/replay-window.ts';
import { RECOVERY_PAUSE_MS, RECOVERY_QUIET_MS } from '../../tunnel/tunnel-config.ts';
import { decodePacket } from '../../wire/packet.ts';
import { decodeTunnelFrame, keyExchangeSignedBytes, type TunnelFrame } from '../../wire/tunnel-frame.ts';
import { A, B, sharedKey } from './tunnel-bench.ts';

/** How long the recorder waited for answers to one datagram. */
export const WAIT_MS = 90;
/** Prefix of a relay deliver, in hex digits: type and sender. */
const DELIVER_HEAD = 10;
const NONCE_PREFIX = 4;

/**
 * What our rules make of a sealed frame of node 9. `unopened`: no key opens it; it is `answered` with our PILA and a PILK
 * unless we asked a moment ago or hear node 9. The others open: `zero` has the counter 0, `replayed` was opened before,
 * `misaddressed` holds a packet for another node.
 */
export type SealedFate = 'opened' | 'malformed' | 'zero' | 'replayed' | 'misaddressed' | 'unopened' | 'answered';

/** What a datagram carries: itself, or what a relay delivers. */
export function content(datagram: string): string {
  return datagram.startsWith('06') ? datagram.slice(DELIVER_HEAD) : datagram;
}

/** The frame in a datagram; undefined for what is none. */
export function frameIn(datagram: string): TunnelFrame | undefined {
  return decoded(() => decodeTunnelFrame(fromHex(content(datagram))));
}

/** Whether the registry of a case knows node 9 at all. */
export function isRegistered(config: string): boolean {
  return config !== 'registry-empty' && config !== 'no-identity';
}

/** The fate of each datagram of a case, sent one after the other; undefined for what is no sealed frame of node 9. */
export function fatesOf(datagrams: readonly string[], config: string): (SealedFate | undefined)[] {
  const windows = new Map<string, ReplayWindow>(); // by the key of node 9
  let heardAt: Millis | undefined;
  let askedAt: Millis | undefined;
  return datagrams.map((datagram, index) => {
    const at = index * WAIT_MS;
    const frame = frameIn(datagram);
    if (frame?.kind === 'key-exchange' && isSignedByPeer(frame) && config !== 'registry-has-other-key') {
      const key = toHex(frame.x25519PublicKey);
      if (!windows.has(key)) windows.set(key, new ReplayWindow());
    }
    if (frame?.kind !== 'sealed' || frame.senderNodeId !== B.nodeId) return undefined;
    for (const [key, window] of windows) {
      const inner = openFrame(sharedKey(fromHex(key)), frame);
      if (inner === undefined) continue;
      const fate = judge(inner, frame.nonce, window);
      if (fate === 'opened') heardAt = at;
      return fate;
    }
    const isHeard = heardAt !== undefined && at - heardAt < RECOVERY_QUIET_MS;
    const isAsked = askedAt !== undefined && at - askedAt < RECOVERY_PAUSE_MS;
    if (isHeard || isAsked || !isRegistered(config)) return 'unopened';
    askedAt = at;
    return 'answered';
  });
}

function isSignedByPeer(frame: Extract<TunnelFrame, { kind: 'key-exchange' }>): boolean {
  const { senderNodeId, x25519PublicKey, signature } = frame;
  if (senderNodeId !== B.nodeId || toHex(frame.ed25519PublicKey) !== toHex(B.identity.publicKey)) return false;
  const isUsable = decoded(() => sharedKey(x25519PublicKey)) !== undefined;
  return (
    isUsable && verifySignature(B.identity.publicKey, keyExchangeSignedBytes(B.nodeId, x25519PublicKey), signature)
  );
}

function judge(inner: Uint8Array, nonce: Uint8Array, window: ReplayWindow): SealedFate {
  const verdict = window.check(nonce);
  if (verdict === 'zero-counter') return 'zero';
  if (verdict !== 'fresh') return 'replayed';
  const isNewPrefix = window.highest(nonce.subarray(0, NONCE_PREFIX)) === 0n;
  const packet = decoded(() => decodePacket(inner));
  const destination = packet?.destination.node;
  if (packet !== undefined && destination !== A.nodeId && (destination !== 0 || isNewPrefix)) return 'misaddressed';
  window.mark(nonce);
  return packet === undefined ? 'malformed' : 'opened';
}
