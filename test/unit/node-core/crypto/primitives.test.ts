import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { nativePrimitives } from '../../../../node-core/crypto/native-primitives.ts';
import { noblePrimitives } from '../../../support/noble-primitives.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.uint8Array({ maxLength: 300 });
const few = { numRuns: 25 }; // the portable curves take milliseconds each

const both = describe.each([
  ['native', nativePrimitives],
  ['noble', noblePrimitives],
] as const);

both('%s', (_name, primitives) => {
  test('SHA-256 of abc (FIPS 180-4)', () => {
    expect(toHex(primitives.sha256(utf8('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  test('HMAC-SHA-256 (RFC 4231, case 2)', () => {
    expect(toHex(primitives.hmacSha256(utf8('Jefe'), utf8('what do ya want for nothing?')))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });

  test('Ed25519 (RFC 8032, test 2)', () => {
    const seed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
    const publicKey = fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    const signature = fromHex(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
    expect(primitives.ed25519PublicKey(seed)).toEqual(publicKey);
    expect(primitives.ed25519Sign(seed, Uint8Array.of(0x72))).toEqual(signature);
    expect(primitives.ed25519Verify(publicKey, Uint8Array.of(0x72), signature)).toBe(true);
    expect(primitives.ed25519Verify(publicKey, Uint8Array.of(0x73), signature)).toBe(false);
  });

  test.each([
    ['a key of 31 bytes', new Uint8Array(31), new Uint8Array(64)],
    ['a signature of 63 bytes', new Uint8Array(32), new Uint8Array(63)],
    ['a key that is no point', new Uint8Array(32).fill(0xff), new Uint8Array(64)],
    ['a scalar above the order', new Uint8Array(32).fill(9), fromHex('ff'.repeat(64))],
  ])('Ed25519 refuses %s without throwing', (_what, key, signature) => {
    expect(primitives.ed25519Verify(key, utf8('x'), signature)).toBe(false);
  });

  test('X25519 (RFC 7748, 6.1)', () => {
    const bob = fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const bobPublic = fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    expect(primitives.x25519PublicKey(bob)).toEqual(bobPublic);
    const alicePublic = fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    expect(toHex(primitives.x25519SharedSecret(bob, alicePublic))).toBe(
      '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
    );
  });

  // The points of order 1, 2, 4 and 8 and their non-canonical forms.
  test.each([
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ])('X25519 refuses the low-order key %s', (key) => {
    const own = new Uint8Array(32).fill(7);
    expect(() => primitives.x25519SharedSecret(own, fromHex(key))).toThrow(
      expect.objectContaining({ code: 'key.invalid' }),
    );
  });

  test('AES-256-GCM (GCM specification, test case 16)', () => {
    const key = fromHex('feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308');
    const nonce = fromHex('cafebabefacedbaddecaf888');
    const associated = fromHex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
    const plaintext = fromHex(
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72' +
        '1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    );
    const sealed = fromHex(
      '522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa' +
        '8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662' +
        '76fc6ece0f4e1768cddf8853bb2d551b',
    );
    expect(primitives.aes256GcmSeal(key, nonce, associated, plaintext)).toEqual(sealed);
    expect(primitives.aes256GcmOpen(key, nonce, associated, sealed)).toEqual(plaintext);
    for (const changed of [0, sealed.length - 1]) {
      const forged = sealed.slice();
      forged[changed] = (forged[changed] as number) ^ 1;
      expect(primitives.aes256GcmOpen(key, nonce, associated, forged)).toBeUndefined();
    }
    expect(primitives.aes256GcmOpen(key, nonce, associated.subarray(1), sealed)).toBeUndefined();
    expect(primitives.aes256GcmOpen(key, nonce, associated, sealed.subarray(0, 15))).toBeUndefined();
  });

  test.each([
    ['a short AES key', () => primitives.aes256GcmSeal(new Uint8Array(16), new Uint8Array(12), utf8(''), utf8(''))],
    ['a short nonce', () => primitives.aes256GcmOpen(new Uint8Array(32), new Uint8Array(11), utf8(''), utf8(''))],
    ['a short seed', () => primitives.ed25519PublicKey(new Uint8Array(31))],
    ['a short private key', () => primitives.x25519PublicKey(new Uint8Array(31))],
    ['a long peer key', () => primitives.x25519SharedSecret(new Uint8Array(32), new Uint8Array(33))],
  ])('%s is a key.invalid', (_what, call) => {
    expect(call).toThrow(expect.objectContaining({ code: 'key.invalid' }));
  });
});

describe('the two implementations give the same bytes', () => {
  test('hashes', () => {
    fc.assert(
      fc.property(text, text, (key, message) => {
        expect(noblePrimitives.sha256(message)).toEqual(nativePrimitives.sha256(message));
        expect(noblePrimitives.hmacSha256(key, message)).toEqual(nativePrimitives.hmacSha256(key, message));
      }),
    );
  });

  test('signatures', () => {
    fc.assert(
      fc.property(bytes(32), text, (seed, message) => {
        const publicKey = nativePrimitives.ed25519PublicKey(seed);
        const signature = nativePrimitives.ed25519Sign(seed, message);
        expect(noblePrimitives.ed25519PublicKey(seed)).toEqual(publicKey);
        expect(noblePrimitives.ed25519Sign(seed, message)).toEqual(signature);
        expect(noblePrimitives.ed25519Verify(publicKey, message, signature)).toBe(true);
        expect(nativePrimitives.ed25519Verify(publicKey, message, signature)).toBe(true);
      }),
      few,
    );
  });

  test('agreement', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (own, peer) => {
        const peerPublic = nativePrimitives.x25519PublicKey(peer);
        expect(noblePrimitives.x25519PublicKey(peer)).toEqual(peerPublic);
        expect(noblePrimitives.x25519SharedSecret(own, peerPublic)).toEqual(
          nativePrimitives.x25519SharedSecret(own, peerPublic),
        );
      }),
      few,
    );
  });

  test('sealing and opening', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), text, text, (key, nonce, associated, plaintext) => {
        const sealed = nativePrimitives.aes256GcmSeal(key, nonce, associated, plaintext);
        expect(noblePrimitives.aes256GcmSeal(key, nonce, associated, plaintext)).toEqual(sealed);
        expect(noblePrimitives.aes256GcmOpen(key, nonce, associated, sealed)).toEqual(plaintext);
        expect(nativePrimitives.aes256GcmOpen(key, nonce, associated, sealed)).toEqual(plaintext);
      }),
    );
  });
});
