import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import {
  classifyDatagram,
  decodeTunnelFrame,
  encodeTunnelFrame,
  type TunnelFrame,
} from '../../../../node-core/wire/tunnel-frame.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const senderNodeId = fc.integer({ min: 0, max: 0xffff_ffff });
const anyFrame: fc.Arbitrary<TunnelFrame> = fc.oneof(
  fc.record({ kind: fc.constant('plaintext' as const), packet: fc.uint8Array({ maxLength: 80 }) }),
  fc.record({
    kind: fc.constant('sealed' as const),
    senderNodeId,
    nonce: bytes(12),
    ciphertext: fc.uint8Array({ minLength: 16, maxLength: 80 }),
  }),
  fc.record(
    { kind: fc.constant('key-request' as const), senderNodeId, x25519PublicKey: bytes(32), cookie: bytes(16) },
    { requiredKeys: ['kind', 'senderNodeId', 'x25519PublicKey'] },
  ),
  fc.record(
    {
      kind: fc.constant('key-exchange' as const),
      senderNodeId,
      x25519PublicKey: bytes(32),
      ed25519PublicKey: bytes(32),
      signature: bytes(64),
      cookie: bytes(16),
    },
    { requiredKeys: ['kind', 'senderNodeId', 'x25519PublicKey', 'ed25519PublicKey', 'signature'] },
  ),
  fc.constant({ kind: 'punch' as const }),
);

test.each<[string, TunnelFrame, string]>([
  ['PILP', { kind: 'punch' }, '50494c50'],
  ['PILT', { kind: 'plaintext', packet: fromHex('0102') }, '50494c540102'],
  [
    'PILK',
    { kind: 'key-request', senderNodeId: 5, x25519PublicKey: new Uint8Array(32).fill(0x7b) },
    `50494c4b00000005${'7b'.repeat(32)}`,
  ],
  [
    'PILK with a cookie',
    {
      kind: 'key-request',
      senderNodeId: 5,
      x25519PublicKey: new Uint8Array(32),
      cookie: new Uint8Array(16).fill(0xcc),
    },
    `50494c4b00000005${'00'.repeat(32)}50494c43${'cc'.repeat(16)}`,
  ],
  [
    'PILA',
    {
      kind: 'key-exchange',
      senderNodeId: 0xffff_fffe,
      x25519PublicKey: new Uint8Array(32).fill(1),
      ed25519PublicKey: new Uint8Array(32).fill(2),
      signature: new Uint8Array(64).fill(3),
    },
    `50494c41fffffffe${'01'.repeat(32)}${'02'.repeat(32)}${'03'.repeat(64)}`,
  ],
  [
    'PILS',
    { kind: 'sealed', senderNodeId: 5, nonce: fromHex('deadbeef0000000000000001'), ciphertext: new Uint8Array(16) },
    `50494c5300000005deadbeef0000000000000001${'00'.repeat(16)}`,
  ],
])('%s, byte by byte', (_what, frame, hex) => {
  expect(toHex(encodeTunnelFrame(frame))).toBe(hex);
  expect(decodeTunnelFrame(fromHex(hex))).toEqual(frame);
  expect(classifyDatagram(fromHex(hex))).toBe('tunnel');
});

test('every frame survives the wire', () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      expect(decodeTunnelFrame(encodeTunnelFrame(frame))).toEqual(frame);
    }),
  );
});

test.each([
  ['PILA', `50494c41${'00'.repeat(132)}`],
  ['PILK', `50494c4b${'00'.repeat(36)}`],
  ['PILP', '50494c50'],
])('bytes after a whole %s are ignored', (_what, hex) => {
  expect(decodeTunnelFrame(fromHex(`${hex}0002ff`))).toEqual(decodeTunnelFrame(fromHex(hex)));
});

test.each([
  ['PILA of 135 bytes', `50494c41${'00'.repeat(131)}`],
  ['PILK of 39 bytes', `50494c4b${'00'.repeat(35)}`],
  ['PILS of 35 bytes', `50494c53${'00'.repeat(31)}`],
  ['three bytes', '50494c'],
])('%s is truncated', (_what, hex) => {
  expect(() => decodeTunnelFrame(fromHex(hex))).toThrow(expect.objectContaining({ code: 'frame.truncated' }));
});

test.each([
  ['50494c43', 15],
  ['50494c43', 17],
  ['50494c44', 16],
])('behind a PILK, %s and %i bytes are no cookie', (magic, length) => {
  const frame = decodeTunnelFrame(fromHex(`50494c4b00000005${'7b'.repeat(32)}${magic}${'aa'.repeat(length)}`));
  expect(frame).toEqual({ kind: 'key-request', senderNodeId: 5, x25519PublicKey: new Uint8Array(32).fill(0x7b) });
});

test('another magic is refused', () => {
  expect(() => decodeTunnelFrame(fromHex('50494c4200000000'))).toThrow(
    expect.objectContaining({ code: 'frame.magic' }),
  );
});

test.each([
  ['', 'ignored'],
  ['00', 'beacon'],
  ['0f', 'beacon'],
  ['10', 'ignored'],
  ['50494c', 'ignored'],
  ['50494c42', 'ignored'],
  ['ffffffffff', 'ignored'],
])('datagram %j is for: %s', (hex, kind) => {
  expect(classifyDatagram(fromHex(hex))).toBe(kind);
});
