import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import {
  createTunnelKeyPair,
  deriveTunnelKey,
  extractTunnelSecret,
} from '../../../../node-core/crypto/key-exchange.ts';

const PUBLIC_B = fromHex('0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20');

test('derives the key of the worked example', () => {
  const own = createTunnelKeyPair((length) => new Uint8Array(length).fill(0x11));
  expect(toHex(own.publicKey)).toBe('7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13');
  expect(toHex(extractTunnelSecret(own, PUBLIC_B))).toBe(
    '758cc81a902dd2799eb10475c5fd56b545abb4da87cad9a20496fbf39111c0a3',
  );
  expect(toHex(deriveTunnelKey(own, PUBLIC_B))).toBe(
    '02e422661cacab14a3792e0371119fd36c3890e473262b2950fbfb6cd996b976',
  );
});

test('both ends derive the same key', () => {
  const a = createTunnelKeyPair((length) => new Uint8Array(length).fill(1));
  const b = createTunnelKeyPair((length) => new Uint8Array(length).fill(2));
  expect(deriveTunnelKey(a, b.publicKey)).toEqual(deriveTunnelKey(b, a.publicKey));
});

test('a peer key of low order gives no key', () => {
  const own = createTunnelKeyPair((length) => new Uint8Array(length).fill(1));
  expect(() => deriveTunnelKey(own, new Uint8Array(32))).toThrow(expect.objectContaining({ code: 'key.invalid' }));
});
