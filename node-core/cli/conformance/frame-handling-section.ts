import { z } from 'zod';
import { fromHex, toHex } from '../../base/bytes.ts';
import type { Millis } from '../../base/clock.ts';
import { openFrame } from '../../crypto/aead.ts';
import type { SessionKeys } from '../../tunnel/tunnel-event.ts';
import { TunnelTable } from '../../tunnel/tunnel-table.ts';
import { decodeBeaconMessage } from '../../wire/beacon-message.ts';
import { decodePacket, encodePacket, PROTOCOL } from '../../wire/packet.ts';
import { classifyDatagram, decodeTunnelFrame } from '../../wire/tunnel-frame.ts';
import { WAIT_MS } from './sealed-frames.ts';
import { hex, orRefused, type Section, section } from './section.ts';
import { A, advance, B, instantAt, PEER_ENDPOINT, recordedRandom, sharedKey } from './tunnel-bench.ts';
import type { Fields } from './vector-file.ts';

const CONFIGS = ['registry-knows-peer', 'registry-empty', 'registry-has-other-key', 'no-identity', 'encryption-off'];
const scene = z.object({
  config: z.enum(CONFIGS as [string, ...string[]]),
  steps: z.array(z.object({ frame: hex })),
});

/** Node 7's tunnels, in virtual time, and what node 9 sends them. */
export const frameHandlingSections: Readonly<Record<string, Section>> = {
  frame_handling: section(scene, play, (out) => ({ steps: (out.steps as readonly Fields[]).map(comparableStep) })),
};

/** What the highest counter admits is compared by what is delivered; capabilities are retired with the trailer. */
function comparableStep(step: Fields): Fields {
  const { max_recv_counter: _counter, peer_caps: _caps, ...state } = step.state_for_peer_9 as Fields;
  return { ...step, state_for_peer_9: state };
}

function play({ config, steps }: z.infer<typeof scene>): unknown {
  const table = new TunnelTable({ identity: A.identity, random: recordedRandom, beacon: PEER_ENDPOINT });
  const keysOffered = offeredKeys(steps.map(({ frame }) => frame));
  let keys: SessionKeys | undefined;
  let replies: string[] = [];
  let delivered: string[] = [];
  let nowMs: Millis = 1_000;
  const drain = () => {
    for (let event = table.pollEvent(); event !== undefined; event = table.pollEvent()) {
      if (event.type === 'key-needed')
        table.providePeerKey(event.nodeId, registryKey(config, event.nodeId), instantAt(nowMs));
      if (event.type === 'endpoint-needed') table.provideEndpoints(event.nodeId, undefined, instantAt(nowMs));
      if (event.type === 'established' || event.type === 'rekeyed') keys = event.keys;
      if (event.type === 'payload') delivered.push(toHex(encodePacket(event.packet)));
    }
    for (let sent = table.pollTransmit(); sent !== undefined; sent = table.pollTransmit()) {
      if (sent.to.host === PEER_ENDPOINT.host && !isOwnPing(sent.bytes, keysOffered)) replies.push(toHex(sent.bytes));
    }
  };
  table.setNodeId(A.nodeId, instantAt(nowMs));
  drain();
  const played = steps.map(({ frame }) => {
    replies = [];
    delivered = [];
    table.handleDatagram(fromHex(frame), PEER_ENDPOINT, instantAt(nowMs));
    drain();
    advance(table, nowMs, nowMs + WAIT_MS, drain);
    nowMs += WAIT_MS;
    const established = table.measure(B.nodeId)?.state === 'established';
    const session = established ? { authenticated: true, peer_x25519: keys?.peerX25519 } : {};
    return { replies, delivered, state_for_peer_9: { has_key: established, ...session } };
  });
  return { steps: played };
}

function registryKey(config: string, nodeId: number): Uint8Array | undefined {
  if (nodeId !== B.nodeId || config === 'registry-empty' || config === 'no-identity') return undefined;
  return config === 'registry-has-other-key' ? A.identity.publicKey : B.identity.publicKey;
}

/** Our tunnels ping a fresh session by themselves; the recorded program did not, and it is no answer to anything. */
function isOwnPing(datagram: Uint8Array, keys: readonly Uint8Array[]): boolean {
  const relayed = datagram[0] === 0x05 ? decodeBeaconMessage(datagram) : undefined;
  const bytes = relayed?.kind === 'relay' ? relayed.frame : datagram;
  if (classifyDatagram(bytes) !== 'tunnel') return false;
  const frame = decodeTunnelFrame(bytes);
  if (frame.kind !== 'sealed') return false;
  return keys.some((key) => {
    const inner = openFrame(key, frame);
    return inner !== undefined && decodePacket(inner).protocol === PROTOCOL.control;
  });
}

/** The keys that sessions on what node 9 offers would have. */
function offeredKeys(frames: readonly string[]): Uint8Array[] {
  return frames.flatMap((text) => {
    const bytes = fromHex(text.startsWith('06') ? text.slice(10) : text);
    const frame = orRefused(() => decodeTunnelFrame(bytes), undefined);
    if (frame?.kind !== 'key-exchange') return [];
    return orRefused(() => [sharedKey(frame.x25519PublicKey)], []);
  });
}
