import { fromHex } from '../../base/bytes.ts';
import type { Instant, Millis } from '../../base/clock.ts';
import type { Endpoint } from '../../base/transport.ts';
import { Identity } from '../../crypto/identity.ts';
import { deriveTunnelKey } from '../../crypto/key-exchange.ts';
import { nativePrimitives } from '../../crypto/native-primitives.ts';

/** Throw-away keys of the recorded nodes: A is node 7, the one under test, and B is node 9, its peer. */
export const A = {
  nodeId: 7,
  identity: Identity.fromSeed(fromHex('e80ee5c5ff8a7862d5bbd1635d98b526dffa31356ed83b9f5b933597e309ee62')),
  x25519PrivateKey: fromHex('488fa42a33965ccfa9dffe67e3ebe9f857e48b6f7ef79a3f2e0e868f53743967'),
};
export const B = {
  nodeId: 9,
  identity: Identity.fromSeed(fromHex('6d2d122512626f91177b6420893cf3d3942f180f4f6734458888250f6303f3af')),
  x25519PrivateKey: fromHex('91d8550be7f71dd4c0e39aa2f792eaffcacaa6c05fe2a349c11e16de09700903'),
};

/** The socket of node 9, which in the recordings is also the beacon's. */
export const PEER_ENDPOINT: Endpoint = { host: '127.0.0.1', port: 23_619 };

/** The key of the tunnel between A and B, or between A and another key of B's. */
export function sharedKey(peerPublicKey = nativePrimitives.x25519PublicKey(B.x25519PrivateKey)): Uint8Array {
  return deriveTunnelKey({ privateKey: A.x25519PrivateKey }, peerPublicKey);
}

/** Gives node 7 the recorded tunnel key where it draws one; everything else it draws is zeros. */
export function recordedRandom(length: number): Uint8Array {
  return length === A.x25519PrivateKey.length ? A.x25519PrivateKey.slice() : new Uint8Array(length);
}

/** Something without I/O that is driven by a clock of ours. */
export interface Timed {
  nextTimeout(): Millis | undefined;
  handleTimeout(now: Instant): void;
}

export function instantAt(nowMs: Millis): Instant {
  return { monotonicMs: nowMs, unixNano: BigInt(Math.round(nowMs * 1e6)) };
}

/** Lets time pass, with each timer at its moment; `drain` after each. */
export function advance(core: Timed, fromMs: Millis, toMs: Millis, drain: (now: Instant) => void): void {
  let nowMs = fromMs;
  for (;;) {
    const due = core.nextTimeout();
    if (due === undefined || due > toMs) break;
    nowMs = Math.max(nowMs, due);
    core.handleTimeout(instantAt(nowMs));
    drain(instantAt(nowMs));
  }
}
