import { type SealedFrame, sealedFrameAssociatedData } from '../wire/tunnel-frame.ts';
import { nativePrimitives } from './native-primitives.ts';

/**
 * Seals one inner packet into a tunnel frame: AES-256-GCM with a 128-bit tag, associated data = the sender's node id.
 * The caller never passes a nonce twice under one key; `Sealer` sees to that.
 *
 * @throws PilotError `key.invalid` for a key or a nonce of the wrong length.
 */
export function sealFrame(
  key: Uint8Array,
  senderNodeId: number,
  nonce: Uint8Array,
  plaintext: Uint8Array,
): SealedFrame {
  const associatedData = sealedFrameAssociatedData(senderNodeId);
  const ciphertext = nativePrimitives.aes256GcmSeal(key, nonce, associatedData, plaintext);
  return { kind: 'sealed', senderNodeId, nonce, ciphertext };
}

/** The inner packet, or undefined when the frame was not sealed under this key, for this sender, as it stands. */
export function openFrame(key: Uint8Array, frame: SealedFrame): Uint8Array | undefined {
  const associatedData = sealedFrameAssociatedData(frame.senderNodeId);
  return nativePrimitives.aes256GcmOpen(key, frame.nonce, associatedData, frame.ciphertext);
}
