import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { Identity, verifySignature } from '../../../../node-core/crypto/identity.ts';
import { keyExchangeSignedBytes } from '../../../../node-core/wire/tunnel-frame.ts';

const identity = Identity.create((length) => new Uint8Array(length).fill(0x33));

test('signs a key exchange as the worked example does', () => {
  expect(toHex(identity.publicKey)).toBe('17cb79fb2b4120f2b1ec65e4198d6e08b28e813feb01e4a400839b85e18080ce');
  const tunnelKey = fromHex('7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13');
  const signed = keyExchangeSignedBytes(5, tunnelKey);
  expect(toHex(signed)).toBe(`6175746800000005${toHex(tunnelKey)}`);
  const signature = identity.sign(signed);
  expect(toHex(signature)).toBe(
    '9b5b2036666b773eca7188746b5ccb5299793b810a0f5a623d45cdef0d46b2e5105614fae9b1a46265ae4ccd47a49f828adec9560359b2a5a051c72c32c65404',
  );
  expect(verifySignature(identity.publicKey, signed, signature)).toBe(true);
  expect(verifySignature(identity.publicKey, keyExchangeSignedBytes(6, tunnelKey), signature)).toBe(false);
});

test('survives export and import', () => {
  const again = Identity.fromSecretKey(identity.exportSecretKey());
  expect(again.publicKey).toEqual(identity.publicKey);
  expect(again.sign(utf8('x'))).toEqual(identity.sign(utf8('x')));
});

test('keeps its own copy of the seed', () => {
  const seed = new Uint8Array(32).fill(0x33);
  const own = Identity.fromSeed(seed);
  seed.fill(0);
  expect(own.sign(utf8('x'))).toEqual(identity.sign(utf8('x')));
});

test.each([
  ['a short seed', () => Identity.fromSeed(new Uint8Array(31))],
  ['a short secret key', () => Identity.fromSecretKey(new Uint8Array(63))],
  [
    'halves of two identities',
    () => Identity.fromSecretKey(identity.exportSecretKey().map((byte, index) => (index === 40 ? byte ^ 1 : byte))),
  ],
])('refuses %s', (_what, make) => {
  expect(make).toThrow(expect.objectContaining({ code: 'key.invalid' }));
});
