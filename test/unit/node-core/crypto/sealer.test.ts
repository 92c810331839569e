import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { openFrame } from '../../../../node-core/crypto/aead.ts';
import { Sealer } from '../../../../node-core/crypto/sealer.ts';
import { encodeTunnelFrame } from '../../../../node-core/wire/tunnel-frame.ts';

const key = fromHex('02e422661cacab14a3792e0371119fd36c3890e473262b2950fbfb6cd996b976');
const prefix = fromHex('deadbeef');
const syn = fromHex('11010000000000000005000000000009c00003e800000000000000000200451409a3');

test('the first frame is that of the worked example, counter 1', () => {
  const sealer = new Sealer({ key, senderNodeId: 5, prefix });
  expect(toHex(encodeTunnelFrame(sealer.seal(syn)))).toBe(
    '50494c5300000005deadbeef00000000000000010bc41a3b5c6c3fe4c63d60044113b8e010943cebd1f30e6a437be187f55ff30d498f7dad1a09598f342b02bd0fcdeb8dcb95',
  );
  expect(sealer.sealed).toBe(1);
});

test('no two frames share a nonce, and each opens', () => {
  const sealer = new Sealer({ key, senderNodeId: 5, prefix });
  const frames = Array.from({ length: 20 }, () => sealer.seal(syn));
  expect(new Set(frames.map((frame) => toHex(frame.nonce))).size).toBe(20);
  for (const frame of frames) expect(openFrame(key, frame)).toEqual(syn);
});

test('a frame that claims another sender does not open', () => {
  const frame = new Sealer({ key, senderNodeId: 5, prefix }).seal(syn);
  expect(openFrame(key, { ...frame, senderNodeId: 6 })).toBeUndefined();
});

test('asks for a new key long before the counter ends, then refuses', () => {
  const fresh = new Sealer({ key, senderNodeId: 5, prefix, firstCounter: 2 ** 28 - 1 });
  expect(fresh.needsRekey).toBe(false);
  fresh.seal(utf8('a'));
  expect(fresh.needsRekey).toBe(true);
  const last = new Sealer({ key, senderNodeId: 5, prefix, firstCounter: 2 ** 48 });
  expect(toHex(last.seal(utf8('a')).nonce)).toBe('deadbeef0001000000000000');
  expect(() => last.seal(utf8('a'))).toThrow(expect.objectContaining({ code: 'nonce.exhausted' }));
  expect(() => last.seal(utf8('a'))).toThrow(expect.objectContaining({ code: 'nonce.exhausted' }));
});

test.each([
  ['key', { key: new Uint8Array(31), prefix }],
  ['prefix', { key, prefix: new Uint8Array(3) }],
])('refuses a %s of the wrong length', (_what, options) => {
  expect(() => new Sealer({ senderNodeId: 5, ...options })).toThrow(expect.objectContaining({ code: 'key.invalid' }));
});
