import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import {
  broadcastAddress,
  decodeAddress,
  encodeAddress,
  formatAddress,
  formatSocketAddress,
  isBroadcast,
  parseAddress,
  parseSocketAddress,
} from '../../../../node-core/wire/address.ts';

const address = fc.record({
  network: fc.integer({ min: 0, max: 0xffff }),
  node: fc.integer({ min: 0, max: 0xffff_ffff }),
});

test.each([
  ['0:0000.0000.0001', 0, 1, '0:0000.0000.0001'],
  ['1:0001.f291.0004', 1, 0xf291_0004, '1:0001.F291.0004'],
  ['0000001:0001.0000.0001', 1, 1, '1:0001.0000.0001'],
  ['65535:FFFF.FFFF.FFFF', 0xffff, 0xffff_ffff, '65535:FFFF.FFFF.FFFF'],
  ['43295:A91F.0000.7C2E', 0xa91f, 0x7c2e, '43295:A91F.0000.7C2E'],
])('%s', (text, network, node, canonical) => {
  expect(parseAddress(text)).toEqual({ network, node });
  expect(formatAddress({ network, node })).toBe(canonical);
});

test.each([
  '',
  '0000.0000.0001',
  ':0000.0000.0001',
  '0:A91F.0000.7C2E',
  '1:00A3.F291.0004',
  '0:0000.0000.1',
  '0:0000.00000.0001',
  '0:0000.0000',
  '0:0000.0000.0001.0000',
  '1:0001.0000.0001:7',
  '0:0000.0000.0001 ',
  ' 0:0000.0000.0001',
  '+1:0001.0000.0001',
  '0x1:0001.0000.0001',
  '1:0x01.0000.0001',
  '1:+001.0000.0001',
  '65536:0000.0000.0001',
  '65536:10000.0000.0001',
  '99999999999999999999:0000.0000.0001',
  '0:0000.0000.000\u0661',
])('%j is no address', (text) => {
  expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'address.invalid' }));
});

test.each([
  ['0:0000.0000.0001:0', 0],
  ['0:0000.0000.0001:080', 80],
  ['0:0000.0000.0001:65535', 65_535],
])('socket address %s', (text, port) => {
  expect(parseSocketAddress(text)).toEqual({ address: { network: 0, node: 1 }, port });
  expect(formatSocketAddress(parseSocketAddress(text))).toBe(`0:0000.0000.0001:${port}`);
});

test.each(['', '0:0000.0000.0001', '0:0000.0000.0001:', '0:0000.0000.0001:-1', '0:0000.0000.0001:65536', '7'])(
  '%j is no socket address',
  (text) => {
    expect(() => parseSocketAddress(text)).toThrow(expect.objectContaining({ code: 'address.invalid' }));
  },
);

test('text and bytes give the same address back', () => {
  fc.assert(
    fc.property(address, (value) => {
      expect(parseAddress(formatAddress(value))).toEqual(value);
      expect(decodeAddress(encodeAddress(value))).toEqual(value);
    }),
  );
});

test('five bytes are too few, and more than six are cut', () => {
  expect(() => decodeAddress(fromHex('0001000000'))).toThrow(expect.objectContaining({ code: 'frame.truncated' }));
  expect(decodeAddress(fromHex('0001000000020304'))).toEqual({ network: 1, node: 2 });
});

test('the broadcast address of a network', () => {
  expect(toHex(encodeAddress(broadcastAddress(2)))).toBe('0002ffffffff');
  expect(isBroadcast(broadcastAddress(2))).toBe(true);
  expect(isBroadcast({ network: 0xffff, node: 1 })).toBe(false);
});
