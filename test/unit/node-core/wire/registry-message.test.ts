import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { Identity } from '../../../../node-core/crypto/identity.ts';
import {
  base64,
  encodeRegistryRequest,
  fromBase64,
  parseRegistryMessage,
  signedString,
} from '../../../../node-core/wire/registry-message.ts';

/** The identity of the published examples: seed 00 01 … 1f. */
const identity = Identity.fromSeed(Uint8Array.from({ length: 32 }, (_, index) => index));
const sign = (text: string) => identity.sign(utf8(text));
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test.each([
  [
    'heartbeat',
    { node_id: 7 },
    'heartbeat:7',
    'Y6JmQqCf3KTNwCCbxu9YSZ/VlqZO67yV7zH8iB+KaoRCXNiCRkoc/OSV6aTg2j+POcoxwoRQYKywbyKv3VHlBA==',
  ],
  [
    'resolve',
    { node_id: 9, requester_id: 7 },
    'resolve:7:9',
    '+EjwLoYXuJrIepBPiVa3j641gwGfdW4FFG+90FUyd9ncUUNMD+ZsE7i0w7mx1SKUh26KSII95jQ2bYBiTfl8Bg==',
  ],
  [
    'join_network',
    { node_id: 7, network_id: 3 },
    'join_network:7:3',
    'sh0f+oUknQw86Si7c6R1iF6rx7Jv2VU6gg3UMlSksoi/M+LEo9jDcGwrPIpv/wgC1HCktzSXloTdfS6cGlPKAA==',
  ],
  [
    'register',
    { listen_addr: '198.51.100.7:4000', public_key: 'A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=' },
    'register:198.51.100.7:4000:A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=',
    '2CcMiTMaX+F4m7fg8biR++yoscWKWJL8mItGTDvPDxnEFGXCDmdWz0nfFna7Nn/qYOWwhfsOEZY6PZME1q5qCg==',
  ],
])('signs %s over its own string', (type, fields, text, signature) => {
  expect(signedString(type, fields)).toBe(text);
  const request = parseRegistryMessage(encodeRegistryRequest(type, fields, sign));
  expect(request).toEqual({ ...fields, signature, type });
});

test.each([
  ['lookup', { node_id: 2 }, '{"node_id":2,"type":"lookup"}'],
  [
    'resolve_hostname',
    { hostname: 'alpha', requester_id: 1 },
    '{"hostname":"alpha","requester_id":1,"type":"resolve_hostname"}',
  ],
  ['check_trust', { peer_id: 2, node_id: 1 }, '{"node_id":1,"peer_id":2,"type":"check_trust"}'],
  ['list_networks', {}, '{"type":"list_networks"}'],
])('leaves %s unsigned, its fields in alphabetical order', (type, fields, text) => {
  expect(textOf(encodeRegistryRequest(type, fields, sign))).toBe(text);
});

test('escapes what Go escapes', () => {
  const request = encodeRegistryRequest('lookup', { note: '<a> & \u2028b' });
  expect(textOf(request)).toBe('{"note":"\\u003ca\\u003e \\u0026 \\u2028b","type":"lookup"}');
});

test.each([
  ['not JSON', '7b'],
  ['an array', '5b5d'],
  ['null', '6e756c6c'],
  ['not UTF-8', '7b22ff223a317d'],
])('refuses a message that is %s', (_what, hex) => {
  expect(() => parseRegistryMessage(fromHex(hex))).toThrow(expect.objectContaining({ code: 'frame.invalid' }));
});

test('reads base64 in its one canonical form only', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(toHex(fromBase64(base64(bytes)) ?? new Uint8Array(1))).toBe(toHex(bytes));
    }),
  );
  for (const text of ['AA', 'AB==', 'A-_=', ' AAA=', 'AAA=\n', '!!!']) expect(fromBase64(text)).toBeUndefined();
});

test('lives through values that no client sends', () => {
  const hostile = parseRegistryMessage(utf8('{"listen_addr":{"toString":1},"public_key":["x"]}'));
  expect(signedString('register', hostile)).toBe('register::');
  expect(fromBase64('A'.repeat(1_000_000))).toHaveLength(750_000);
});
