import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { decodeSack, encodeSack, isSackPayload } from '../../../../node-core/wire/sack.ts';

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const block = fc.record({ left: uint32, right: uint32 });

test('two blocks, byte by byte', () => {
  const blocks = [
    { left: 2049, right: 3073 },
    { left: 4097, right: 6145 },
  ];
  const bytes = fromHex('5341434b020000080100000c010000100100001801');
  expect(toHex(encodeSack(blocks))).toBe(toHex(bytes));
  expect(decodeSack(bytes)).toEqual(blocks);
});

test('no block makes no payload, and a fifth is left out', () => {
  expect(encodeSack([]).length).toBe(0);
  expect(encodeSack(Array.from({ length: 5 }, () => ({ left: 1, right: 2 })))[4]).toBe(4);
});

test.each([
  ['nothing', ''],
  ['three letters', '534143'],
  ['the signature alone', '5341434b'],
  ['no blocks', '5341434b00'],
  ['five blocks', `5341434b05${'00'.repeat(40)}`],
  ['a block cut short', '5341434b0100000001000000'],
  ['a word that begins so', toHex(utf8('SACK hello world'))],
])('%s is user data', (_what, hex) => {
  expect(isSackPayload(fromHex(hex))).toBe(false);
  expect(decodeSack(fromHex(hex))).toBeUndefined();
});

test('bytes after the last block are tolerated', () => {
  expect(decodeSack(fromHex('5341434b01000000010000000299'))).toEqual([{ left: 1, right: 2 }]);
});

test('up to four blocks survive the wire', () => {
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 4 }), (blocks) => {
      expect(decodeSack(encodeSack(blocks))).toEqual(blocks);
    }),
  );
});
