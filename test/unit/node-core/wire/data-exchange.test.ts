import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import {
  acknowledgementText,
  type DataFrame,
  DataFrameDecoder,
  decodeTaggedData,
  encodeDataFrame,
  encodeTaggedData,
  MAX_DATA_LENGTH,
  refusalText,
} from '../../../../node-core/wire/data-exchange.ts';

function decodeAll(bytes: Uint8Array, pieces = bytes.length): DataFrame[] {
  const decoder = new DataFrameDecoder();
  const frames: DataFrame[] = [];
  for (let offset = 0; offset < bytes.length; offset += pieces) {
    decoder.push(bytes.subarray(offset, offset + pieces));
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push(frame);
  }
  return frames;
}

test.each<[string, DataFrame, string]>([
  ['text', { type: 1, fileName: '', payload: utf8('hello') }, '000000010000000568656c6c6f'],
  ['a file', { type: 4, fileName: 'ok.txt', payload: utf8('body') }, '000000040000000c00066f6b2e747874626f6479'],
  ['a file without a name', { type: 4, fileName: '', payload: utf8('no') }, '000000040000000400006e6f'],
  ['an unknown type', { type: 0xffff_ffff, fileName: '', payload: new Uint8Array(0) }, 'ffffffff00000000'],
])('%s, byte by byte', (_what, frame, hex) => {
  expect(toHex(encodeDataFrame(frame))).toBe(hex);
  expect(decodeAll(fromHex(hex))).toEqual([frame]);
});

test('frames come out whole, however the stream is cut', () => {
  const anyFrame = fc.record({
    type: fc.constantFrom(1, 2, 3, 4, 9, 10),
    fileName: fc.constant(''),
    payload: fc.uint8Array({ maxLength: 60 }),
  });
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 6 }), fc.integer({ min: 1, max: 70 }), (frames, pieces) => {
      const stream = Uint8Array.from(frames.flatMap((frame) => [...encodeDataFrame(frame)]));
      expect(decodeAll(stream, pieces)).toEqual(frames);
    }),
  );
});

test('bytes after a frame stay for the next', () => {
  const decoder = new DataFrameDecoder();
  decoder.push(fromHex('00000001000000016100000001'));
  expect(decoder.next()?.payload).toEqual(utf8('a'));
  expect(decoder.next()).toBeUndefined();
  expect(decoder.buffered).toBe(4);
});

test.each([
  ['a name that runs past the end is content', '000000040000000401f46162', '', '01f46162'],
  ['a body of one byte is content', '000000040000000161', '', '61'],
  ['a leading dot is a name', '000000040000000a00072e68696464656e68', '.hidden', '68'],
])('%s', (_what, hex, fileName, payload) => {
  expect(decodeAll(fromHex(hex))).toEqual([{ type: 4, fileName, payload: fromHex(payload) }]);
});

test.each<[string, string, string]>([
  ['a slash', '000000040000000a0007612f622e74787478', 'frame.invalid'],
  ['a backslash', '000000040000000a0007615c622e74787478', 'frame.invalid'],
  ['two dots', '00000004000000070004612e2e6278', 'frame.invalid'],
  ['a name of 256 bytes', `00000004000001030100${'6e'.repeat(256)}78`, 'frame.invalid'],
  ['one byte above the limit', '0000000101000001', 'frame.oversize'],
])('%s is refused', (_what, hex, code) => {
  expect(() => decodeAll(fromHex(hex))).toThrow(expect.objectContaining({ code }));
});

test('the longest frame passes in small pieces, a longer one is not encoded', () => {
  const payload = new Uint8Array(MAX_DATA_LENGTH).fill(7);
  const [frame] = decodeAll(encodeDataFrame({ type: 2, fileName: '', payload }), 1 << 16);
  expect(frame?.payload.length).toBe(MAX_DATA_LENGTH);
  expect(() => encodeDataFrame({ type: 4, fileName: '', payload })).toThrow(
    expect.objectContaining({ code: 'frame.oversize' }),
  );
});

test('answers name the type and count a file without its name', () => {
  const file = { type: 4, fileName: 'ok.txt', payload: utf8('0123456789') };
  expect(acknowledgementText(file)).toBe('ACK FILE 10 bytes');
  expect(acknowledgementText({ type: 1, fileName: '', payload: utf8('12345678') })).toBe('ACK TEXT 8 bytes');
  expect(refusalText({ type: 6, fileName: '', payload: utf8('') }, 'unsupported frame type 6')).toBe(
    'ERR UNKNOWN(6) save failed: unsupported frame type 6',
  );
});

test('a tagged frame gives back what it wraps', () => {
  const tagged = { messageId: 'a.b:c-1', replyTo: undefined, innerType: 1, innerPayload: utf8('hi') };
  const bytes = encodeTaggedData(tagged);
  expect(toHex(bytes)).toBe(`0018${toHex(utf8('{"message_id":"a.b:c-1"}'))}000000016869`);
  expect(decodeTaggedData(bytes)).toEqual(tagged);
});

test.each<[string, string, string]>([
  ['nothing', '', 'frame.truncated'],
  ['a header beyond the end', '00107b7d', 'frame.truncated'],
  ['a header above 1,024 bytes', `0401${'20'.repeat(1025)}00000001`, 'frame.invalid'],
  ['no JSON', `0002${toHex(utf8('{]'))}00000001`, 'frame.invalid'],
  ['an array', `0002${toHex(utf8('[]'))}00000001`, 'frame.invalid'],
  ['an id that is a number', `0010${toHex(utf8('{"message_id":1}'))}00000001`, 'frame.invalid'],
  ['an id with a space', `0014${toHex(utf8('{"message_id":"a b"}'))}00000001`, 'frame.invalid'],
  ['no inner type', `0002${toHex(utf8('{}'))}0000`, 'frame.truncated'],
])('a tagged frame with %s is refused', (_what, hex, code) => {
  expect(() => decodeTaggedData(fromHex(hex))).toThrow(expect.objectContaining({ code }));
});

test('no id is sent that a receiver refuses', () => {
  const tagged = { messageId: 'a b', replyTo: undefined, innerType: 1, innerPayload: utf8('hi') };
  expect(() => encodeTaggedData(tagged)).toThrow(expect.objectContaining({ code: 'frame.invalid' }));
});
