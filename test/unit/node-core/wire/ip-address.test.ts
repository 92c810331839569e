import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import { encodeIpAddress, formatIpAddress } from '../../../../node-core/wire/ip-address.ts';

test.each([
  ['203.0.113.7', 'cb007107', '203.0.113.7'],
  ['::', '00'.repeat(16), '::'],
  ['::1', `${'00'.repeat(15)}01`, '::1'],
  ['2001:DB8:0:0:1:0:0:1', '20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['fe80::', 'fe800000000000000000000000000000', 'fe80::'],
  ['1:2:3:4:5:6:7:0', '00010002000300040005000600070000', '1:2:3:4:5:6:7:0'],
  ['::ffff:192.0.2.1', 'c0000201', '192.0.2.1'],
  ['::FFFF:c000:201', 'c0000201', '192.0.2.1'],
])('%s', (text, hex, canonical) => {
  expect(toHex(encodeIpAddress(text))).toBe(hex);
  expect(formatIpAddress(fromHex(hex))).toBe(canonical);
});

test.each([
  '',
  '1.2.3',
  '1.2.3.256',
  '1.2.3.4.5',
  '1.2.3.0x4',
  ':',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '1:2:3:4:5:6:7:8:9',
  '::12345',
  'fe80::1%eth0',
  'localhost',
  '1:2:3:4:5:6:7::8',
])('%j is no address', (text) => {
  expect(() => encodeIpAddress(text)).toThrow(expect.objectContaining({ code: 'address.invalid' }));
});

test('every IPv6 address is written as others read it, and comes back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(16), (random, zeros) => {
      const bytes = random.fill(0, 0, zeros);
      const text = formatIpAddress(bytes);
      if (text.includes(':')) {
        expect(isIPv6(text)).toBe(true);
        expect(encodeIpAddress(text)).toEqual(bytes);
      }
    }),
  );
});
