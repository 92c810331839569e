import { expect, test } from 'vitest';
import { concatBytes, utf8 } from '../../../../node-core/base/bytes.ts';
import { computeDatagramId, computeDialId, computeFlowId } from '../../../../node-core/crypto/flow-id.ts';

const flow = {
  diallerKey: new Uint8Array(32).fill(1),
  diallerPort: 49_152,
  acceptorKey: new Uint8Array(32).fill(2),
  acceptorPort: 1001,
  diallerSequence: 0xdead_beef,
  acceptorSequence: 0,
};
const datagram = {
  senderKey: new Uint8Array(32).fill(1),
  receiverKey: new Uint8Array(32).fill(2),
  senderTunnelKey: new Uint8Array(32).fill(3),
  receiverTunnelKey: new Uint8Array(32).fill(4),
  nonce: concatBytes(utf8('abcd'), new Uint8Array(8)),
};

test('the flow id is the documented one', () => {
  expect(computeFlowId(flow)).toBe('b240e19412363f3a3e13ef83e236d9fd');
});

test('the dial id leaves the answer out', () => {
  expect(computeDialId(flow)).toBe(computeDialId({ ...flow, acceptorSequence: 1 } as typeof flow));
  expect(computeDialId(flow)).not.toBe(computeFlowId(flow));
  expect(computeDialId(flow)).toMatch(/^[0-9a-f]{32}$/);
});

test.each([
  ['diallerPort', 49_153],
  ['acceptorPort', 1002],
  ['diallerSequence', 1],
  ['acceptorSequence', 1],
  ['diallerKey', flow.acceptorKey],
  ['acceptorKey', flow.diallerKey],
] as const)('another %s is another flow', (field, value) => {
  expect(computeFlowId({ ...flow, [field]: value })).not.toBe(computeFlowId(flow));
});

test('the two ends of a datagram are not interchangeable, nor are two nonces', () => {
  const ids = [
    datagram,
    { ...datagram, senderKey: datagram.receiverKey, receiverKey: datagram.senderKey },
    { ...datagram, nonce: new Uint8Array(12) },
  ].map(computeDatagramId);
  expect(new Set(ids).size).toBe(3);
});

test('a key of another length is refused, so that fields cannot shift', () => {
  const shifted = { ...flow, diallerKey: new Uint8Array(31) };
  expect(() => computeFlowId(shifted)).toThrow(expect.objectContaining({ code: 'key.invalid' }));
  expect(() => computeDatagramId({ ...datagram, nonce: new Uint8Array(11) })).toThrow(
    expect.objectContaining({ code: 'key.invalid' }),
  );
});
