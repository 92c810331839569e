import { concatBytes, equalBytes, fromHex, toHex } from '../../base/bytes.ts';
import { openFrame } from '../../crypto/aead.ts';
import { verifySignature } from '../../crypto/identity.ts';
import { nativePrimitives } from '../../crypto/native-primitives.ts';
import { REPLAY_WINDOW_SIZE } from '../../crypto/replay-window.ts';
import {
  decodeTunnelFrame,
  encodeTunnelFrame,
  keyExchangeSignedBytes,
  type SealedFrame,
} from '../../wire/tunnel-frame.ts';
import type { Deviation } from './deviation.ts';
import { content, fatesOf, frameIn } from './sealed-frames.ts';
import { orRefused } from './section.ts';
import { A, B, sharedKey } from './tunnel-bench.ts';
import type { Fields } from './vector-file.ts';

interface FrameStep extends Fields {
  readonly replies: readonly string[];
  readonly delivered: readonly string[];
  readonly state_for_peer_9: Fields;
}

/** Lengths in hex digits. */
const KEY_EXCHANGE = 2 * 136;
const RELAY_HEAD = 2 * 9;
const NO_SESSION = { has_key: false };
/** Before a frame that node 7 sends to node 9 through the beacon. */
const RELAY_TO_PEER = '050000000700000009';
const PUNCH = '50494c50';
/** Node 7 wants node 9. */
const PUNCH_REQUEST = '030000000700000009';

/** A rule over each datagram and what came of it; `earlier` are the datagrams before it. */
function perDatagram(
  rule: string,
  expect: (frame: string, step: FrameStep, earlier: readonly string[], config: string) => FrameStep,
): Deviation {
  return {
    section: 'frame_handling',
    rule,
    expect(input, expected) {
      const { config, steps } = input as unknown as { config: string; steps: readonly { readonly frame: string }[] };
      const frames = steps.map(({ frame }) => frame);
      const results = (expected as { readonly steps: readonly FrameStep[] }).steps;
      return {
        steps: results.map((step, index) => expect(frames[index] ?? '', step, frames.slice(0, index), config)),
      };
    },
  };
}

function isKind(frame: string, letter: 'T' | 'S' | 'K' | 'A'): boolean {
  return content(frame).startsWith(toHex(concatBytes(fromHex('50494c'), Uint8Array.of(letter.charCodeAt(0)))));
}

function relayHeadFor(frame: string): string {
  return frame.startsWith('06') ? RELAY_TO_PEER : '';
}

function withoutTrailer(reply: string): string {
  const head = reply.startsWith('05') ? RELAY_HEAD : 0;
  return isKind(reply.slice(head), 'A') ? reply.slice(0, head + KEY_EXCHANGE) : reply;
}

function ownKeyExchange(): string {
  const x25519PublicKey = nativePrimitives.x25519PublicKey(A.x25519PrivateKey);
  const signature = A.identity.sign(keyExchangeSignedBytes(A.nodeId, x25519PublicKey));
  const ed25519PublicKey = A.identity.publicKey;
  const keys = { x25519PublicKey, ed25519PublicKey, signature };
  return toHex(encodeTunnelFrame({ kind: 'key-exchange', senderNodeId: A.nodeId, ...keys }));
}

function ownKeyRequest(): string {
  const x25519PublicKey = nativePrimitives.x25519PublicKey(A.x25519PrivateKey);
  return toHex(encodeTunnelFrame({ kind: 'key-request', senderNodeId: A.nodeId, x25519PublicKey }));
}

/** Who a PILS, PILK or PILA claims to come from; undefined for other datagrams, and for what is cut off. */
function senderOf(frame: string): number | undefined {
  const decoded = frameIn(frame);
  return decoded === undefined || decoded.kind === 'punch' || decoded.kind === 'plaintext'
    ? undefined
    : decoded.senderNodeId;
}

/** A sealed frame that claims to come from node 9. */
function sealedFrame(frame: string): SealedFrame | undefined {
  if (!isKind(frame, 'S')) return undefined;
  const decoded = orRefused(() => decodeTunnelFrame(fromHex(content(frame))), undefined);
  return decoded?.kind === 'sealed' && decoded.senderNodeId === B.nodeId ? decoded : undefined;
}

/** The inner packet of a sealed frame that node 9 really sent under a key of its, and its counter. */
function genuine(frame: string, key = sharedKey()): { readonly counter: bigint; readonly inner: string } | undefined {
  const sealed = sealedFrame(frame);
  const inner = sealed === undefined ? undefined : openFrame(key, sealed);
  if (inner === undefined || sealed === undefined) return undefined;
  return { counter: BigInt(`0x${toHex(sealed.nonce.subarray(4))}`), inner: toHex(inner) };
}

/** The X25519 keys that node 9 offered in signed frames, in order. */
function offeredKeys(frames: readonly string[]): Uint8Array[] {
  return frames.flatMap((frame) => {
    const decoded = isKind(frame, 'A')
      ? orRefused(() => decodeTunnelFrame(fromHex(content(frame))), undefined)
      : undefined;
    if (decoded?.kind !== 'key-exchange') return [];
    const signed = keyExchangeSignedBytes(B.nodeId, decoded.x25519PublicKey);
    return verifySignature(B.identity.publicKey, signed, decoded.signature) ? [decoded.x25519PublicKey] : [];
  });
}

function isAdmitted(counter: bigint, earlier: readonly bigint[]): boolean {
  const tooOld = earlier.some((other) => other - counter >= BigInt(REPLAY_WINDOW_SIZE));
  return counter > 0n && !earlier.includes(counter) && !tooOld;
}

/** Bytes 6 to 9 of an inner packet. */
function sourceNode(inner: string): number {
  return Number.parseInt(inner.slice(12, 20), 16);
}

export const tunnelDeviations: readonly Deviation[] = [
  perDatagram('a PILA ends with its signature', (_frame, step) => ({
    ...step,
    replies: step.replies.map(withoutTrailer),
  })),
  perDatagram('a frame that cannot be opened is answered with PILA and PILK', (frame, step, earlier, config) => {
    const fate = fatesOf([...earlier, frame], config).at(-1);
    if (fate === undefined) return step;
    if (fate !== 'answered') return { ...step, replies: [] };
    const first = earlier.find((each) => offeredKeys([each]).length > 0);
    // Where the frame came from, and where node 9 was last.
    const relayed = new Set([frame, ...(first === undefined ? [] : [first])].map((each) => each.startsWith('06')));
    const replies = [...relayed].flatMap((isRelayed) => {
      return [ownKeyExchange(), ownKeyRequest()].map((reply) => `${isRelayed ? RELAY_TO_PEER : ''}${reply}`);
    });
    return { ...step, replies };
  }),
  perDatagram('counter 0 is never accepted', (frame, step, earlier, config) =>
    fatesOf([...earlier, frame], config).at(-1) === 'zero' ? { ...step, delivered: [] } : step,
  ),
  perDatagram('a packet for another node is dropped', (frame, step, earlier, config) =>
    fatesOf([...earlier, frame], config).at(-1) === 'misaddressed' ? { ...step, delivered: [] } : step,
  ),
  perDatagram(
    'a node that the registry does not know gets neither an answer nor a session',
    (frame, step, _, config) => {
      const sender = senderOf(frame);
      if (config === 'no-identity') return step;
      if (config === 'registry-empty') {
        const replies = sender === undefined ? step.replies : [];
        return { replies, delivered: [], state_for_peer_9: NO_SESSION };
      }
      return sender === undefined || sender === B.nodeId ? step : { ...step, replies: [], delivered: [] };
    },
  ),
  perDatagram('a node has an identity, and takes no unsigned key', (_frame, step, _earlier, config) =>
    config === 'no-identity' ? { replies: [], delivered: [], state_for_peer_9: NO_SESSION } : step,
  ),
  perDatagram('encryption cannot be switched off', (frame, step, earlier, config) => {
    if (config !== 'encryption-off') return step;
    const [first, second] = offeredKeys([...earlier, frame]);
    const state_for_peer_9 =
      first === undefined ? NO_SESSION : { has_key: true, authenticated: true, peer_x25519: toHex(first) };
    const isNews = isKind(frame, 'K') || (isKind(frame, 'A') && first !== undefined && second === undefined);
    const isOpened = fatesOf([...earlier, frame], config).at(-1) === 'opened';
    const delivered = isOpened && first !== undefined ? [genuine(frame, sharedKey(first))?.inner ?? ''] : [];
    const replies =
      isNews && senderOf(frame) === B.nodeId ? [`${relayHeadFor(frame)}${ownKeyExchange()}`] : step.replies;
    return { replies, delivered, state_for_peer_9 };
  }),
  perDatagram('a relayed session asks for a punch at once', (frame, step) =>
    frame.startsWith('06') && isKind(frame, 'A') && step.replies.length > 0
      ? { ...step, replies: [...step.replies, PUNCH_REQUEST] }
      : step,
  ),
  perDatagram('a packet in the clear is dropped', (frame, step) =>
    isKind(frame, 'T') ? { ...step, delivered: [] } : step,
  ),
  perDatagram('an inner packet has the node id of its sealed frame as its source', (_frame, step) => ({
    ...step,
    delivered: step.delivered.filter((inner) => sourceNode(inner) === B.nodeId),
  })),
  perDatagram('a frame that does not open moves no replay window', (frame, step, earlier) => {
    const opened = genuine(frame);
    const forged = earlier.some((each) => sealedFrame(each) !== undefined && genuine(each) === undefined);
    if (opened === undefined || !forged || step.state_for_peer_9.has_key !== true) return step;
    const counters = earlier.flatMap((each) => genuine(each)?.counter ?? []);
    return { ...step, delivered: isAdmitted(opened.counter, counters) ? [opened.inner] : [] };
  }),
  perDatagram(
    'a changed key counts once a frame opens under it, and until then the old one does',
    (frame, step, earlier) => {
      const [first, ...others] = offeredKeys([...earlier, frame]);
      const changed = others.find((key) => first !== undefined && !equalBytes(key, first));
      if (first === undefined || changed === undefined) return step;
      const opens = (each: string, key: Uint8Array) => genuine(each, sharedKey(key)) !== undefined;
      const proven = [...earlier, frame].some((each) => opens(each, changed));
      const opened = genuine(frame, sharedKey(first)) ?? genuine(frame, sharedKey(changed));
      const peer_x25519 = toHex(proven ? changed : first);
      const delivered = opened === undefined || earlier.includes(frame) ? [] : [opened.inner];
      return { ...step, delivered, state_for_peer_9: { ...step.state_for_peer_9, peer_x25519 } };
    },
  ),
  perDatagram('a beacon on loopback may have a loopback address punched', (frame, step) =>
    frame.startsWith('04047f') && frame.length === 16 ? { ...step, replies: [PUNCH, PUNCH, PUNCH] } : step,
  ),
];

/** A PILA with well-formed trailing numbers, capabilities and flags, which the network has given up. */
export function hasRetiredTrailer(input: Fields): boolean {
  const steps = (input.steps ?? []) as readonly { readonly frame: string }[];
  return steps.some(({ frame }) => {
    const trailer = isKind(frame, 'A') ? content(frame).slice(KEY_EXCHANGE) : '';
    return /^(?:[89a-f].)*[0-7].(?:(?:[89a-f].)*[0-7].)?$/.test(trailer) && trailer.length <= 8;
  });
}
