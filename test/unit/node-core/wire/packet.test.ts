import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../../../node-core/base/bytes.ts';
import { crc32 } from '../../../../node-core/wire/crc32.ts';
import { decodePacket, encodePacket, FLAG, type Packet, PROTOCOL } from '../../../../node-core/wire/packet.ts';

const NODE_5 = { network: 0, node: 5 };
const NODE_9 = { network: 0, node: 9 };
const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
const address = fc.record({ network: uint(16), node: uint(32) });
const anyPacket = fc.record({
  version: fc.constant(1),
  flags: uint(4),
  protocol: uint(8),
  source: address,
  destination: address,
  sourcePort: uint(16),
  destinationPort: uint(16),
  sequence: uint(32),
  acknowledgement: uint(32),
  window: uint(16),
  payload: fc.uint8Array({ maxLength: 200 }),
});

const dialled = {
  version: 1,
  protocol: PROTOCOL.stream,
  source: NODE_5,
  destination: NODE_9,
  sourcePort: 49_152,
  destinationPort: 1000,
  payload: new Uint8Array(0),
};
const answered = { ...dialled, source: NODE_9, destination: NODE_5, sourcePort: 1000, destinationPort: 49_152 };

test.each<[string, Packet, string]>([
  [
    'SYN',
    { ...dialled, flags: FLAG.syn, sequence: 0, acknowledgement: 0, window: 512 },
    '11010000000000000005000000000009c00003e800000000000000000200451409a3',
  ],
  [
    'SYN|ACK',
    { ...answered, flags: FLAG.syn | FLAG.ack, sequence: 0, acknowledgement: 1, window: 512 },
    '1301000000000000000900000000000503e8c00000000000000000010200d47a2788',
  ],
  [
    'data',
    { ...dialled, flags: FLAG.ack, sequence: 1, acknowledgement: 1, window: 512, payload: utf8('hello') },
    '12010005000000000005000000000009c00003e800000001000000010200a1c8f1a168656c6c6f',
  ],
  [
    'FIN',
    { ...dialled, flags: FLAG.fin, sequence: 6, acknowledgement: 0, window: 0 },
    '14010000000000000005000000000009c00003e80000000600000000000056e27705',
  ],
  [
    'RST',
    { ...answered, flags: FLAG.rst, sequence: 0, acknowledgement: 0, window: 0 },
    '1801000000000000000900000000000503e8c00000000000000000000000ad20f19c',
  ],
])('%s, byte by byte', (_what, packet, hex) => {
  expect(toHex(encodePacket(packet))).toBe(hex);
  expect(decodePacket(fromHex(hex))).toEqual(packet);
});

test('every packet survives the wire, whatever follows it', () => {
  fc.assert(
    fc.property(anyPacket, fc.uint8Array({ maxLength: 8 }), (packet, trailing) => {
      const bytes = encodePacket(packet);
      expect(decodePacket(bytes)).toEqual(packet);
      expect(decodePacket(Uint8Array.from([...bytes, ...trailing]))).toEqual(packet);
    }),
  );
});

test('any changed bit is found', () => {
  const bytes = encodePacket({
    ...dialled,
    flags: 2,
    sequence: 7,
    acknowledgement: 8,
    window: 9,
    payload: utf8('data'),
  });
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    expect(() => decodePacket(changed)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^frame\.(checksum|truncated)$/) }),
    );
  }
});

test('flags and version are cut to their four bits', () => {
  const bytes = encodePacket({ ...dialled, flags: 0x12, version: 17, sequence: 0, acknowledgement: 0, window: 0 });
  expect(bytes[0]).toBe(0x12);
});

test('the decoded payload is a view', () => {
  const bytes = encodePacket({
    ...dialled,
    flags: 2,
    sequence: 1,
    acknowledgement: 1,
    window: 1,
    payload: utf8('view'),
  });
  expect(decodePacket(bytes).payload.buffer).toBe(bytes.buffer);
});

test.each<[string, string, string]>([
  ['nothing', '', 'frame.truncated'],
  ['33 bytes', '00'.repeat(33), 'frame.truncated'],
  ['34 zeros', '00'.repeat(34), 'frame.checksum'],
  [
    'a length beyond the end',
    '12010009000000000005000000000009c00003e800000001000000010200a1c8f1a168656c6c6f',
    'frame.truncated',
  ],
  ['version 2', '2101000200000001a2b300000000000700010002000000030000000400056ec917ac7632', 'frame.version'],
])('%s is refused', (_what, hex, code) => {
  expect(() => decodePacket(fromHex(hex))).toThrow(expect.objectContaining({ code }));
});

test('arbitrary bytes are refused with a code, never otherwise', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(() => decodePacket(bytes)).toThrow(expect.objectContaining({ name: 'PilotError' }));
    }),
  );
});

test('65,535 bytes fit, one more does not', () => {
  const packet = { ...dialled, flags: 2, sequence: 1, acknowledgement: 1, window: 1 };
  expect(decodePacket(encodePacket({ ...packet, payload: new Uint8Array(65_535) })).payload.length).toBe(65_535);
  expect(() => encodePacket({ ...packet, payload: new Uint8Array(65_536) })).toThrow(
    expect.objectContaining({ code: 'frame.oversize' }),
  );
});

test('the checksum is that of gzip, also in pieces', () => {
  const bytes = utf8('123456789');
  expect(crc32(bytes)).toBe(0xcbf4_3926);
  expect(crc32(bytes.subarray(4), crc32(bytes.subarray(0, 4)))).toBe(0xcbf4_3926);
});
