import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { encodeLengthPrefixed, LengthPrefixDecoder } from '../../../../node-core/wire/length-prefix.ts';

const BEACON_LIST = '00000016' + '7b2274797065223a22626561636f6e5f6c697374227d';

function drain(decoder: LengthPrefixDecoder): Uint8Array[] {
  const messages: Uint8Array[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) messages.push(next);
  return messages;
}

test('frames a message with its length', () => {
  expect(toHex(encodeLengthPrefixed(utf8('{"type":"beacon_list"}')))).toBe(BEACON_LIST);
});

test('takes head and body in separate pieces', () => {
  const decoder = new LengthPrefixDecoder();
  const bytes = fromHex(BEACON_LIST);
  for (const byte of bytes.subarray(0, -1)) {
    decoder.push(Uint8Array.of(byte));
    expect(decoder.next()).toBeUndefined();
  }
  decoder.push(bytes.subarray(-1));
  expect(new TextDecoder().decode(decoder.next())).toBe('{"type":"beacon_list"}');
  expect(decoder.buffered).toBe(0);
});

test.each([
  ['no bytes', '00000000'],
  ['more than the limit', '00000401'],
  ['the magic of the binary protocol', '50494c5401'],
])('refuses a message of %s before its body comes', (_what, head) => {
  const decoder = new LengthPrefixDecoder(1_024);
  decoder.push(fromHex(head));
  expect(() => decoder.next()).toThrow(expect.objectContaining({ code: 'frame.oversize' }));
});

test('gives back any messages in order, however they are cut', () => {
  const messages = fc.array(fc.uint8Array({ minLength: 1, maxLength: 700 }), { maxLength: 6 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sent, cuts) => {
      const decoder = new LengthPrefixDecoder();
      const wire = concatBytes(...sent.map(encodeLengthPrefixed));
      const received: Uint8Array[] = [];
      for (let offset = 0, turn = 0; offset < wire.length; turn++) {
        const length = cuts[turn % cuts.length] as number;
        decoder.push(wire.slice(offset, offset + length));
        received.push(...drain(decoder));
        offset += length;
      }
      expect(received.map(toHex)).toEqual(sent.map(toHex));
    }),
  );
});
