import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../../node-core/base/bytes.ts';
import {
  type BeaconMessage,
  decodeBeaconMessage,
  encodeBeaconMessage,
} from '../../../../node-core/wire/beacon-message.ts';

const frame = fromHex('50494c50');
const key = new Uint8Array(32).fill(0x17);
const grant = { expiryUnixSeconds: 0x1_0000_0000n, signature: new Uint8Array(64).fill(9) };

test.each<[BeaconMessage, string]>([
  [{ kind: 'discover', nodeId: 5 }, '0100000005'],
  [{ kind: 'discover', nodeId: 5, ed25519PublicKey: key }, `0100000005${'17'.repeat(32)}`],
  [{ kind: 'discover-reply', endpoint: { host: '203.0.113.7', port: 4000 } }, '0204cb0071070fa0'],
  [
    { kind: 'discover-reply', endpoint: { host: '2001:db8::1', port: 4000 } },
    '021020010db80000000000000000000000010fa0',
  ],
  [{ kind: 'punch-request', requesterNodeId: 5, targetNodeId: 9 }, '030000000500000009'],
  [
    { kind: 'punch-request', requesterNodeId: 5, targetNodeId: 9, grant },
    `0300000005000000090000000100000000${'09'.repeat(64)}`,
  ],
  [{ kind: 'punch-command', endpoint: { host: '198.51.100.20', port: 5000 } }, '0404c63364141388'],
  [{ kind: 'relay', senderNodeId: 5, destinationNodeId: 9, frame }, '05000000050000000950494c50'],
  [{ kind: 'relay-deliver', senderNodeId: 5, frame }, '060000000550494c50'],
  [{ kind: 'sync', beaconId: 1, nodeIds: [5, 9] }, '070000000100020000000500000009'],
  [{ kind: 'sync', beaconId: 1, nodeIds: [] }, '07000000010000'],
  [{ kind: 'discover-ex', nodeId: 5 }, '0800000005'],
  [{ kind: 'relay-deliver-dest', senderNodeId: 5, destinationNodeId: 9, frame }, '09000000050000000950494c50'],
  [{ kind: 'notify', notification: 1 }, '0a01'],
])('%o', (message, hex) => {
  expect(toHex(encodeBeaconMessage(message))).toBe(hex);
  expect(decodeBeaconMessage(fromHex(hex))).toEqual(message);
});

test.each(['0100000005', '0204cb0071070fa0', '030000000500000009', '07000000010000', '0800000005', '0a01'])(
  'bytes after %s are ignored',
  (hex) => {
    expect(decodeBeaconMessage(fromHex(`${hex}ff`))).toEqual(decodeBeaconMessage(fromHex(hex)));
  },
);

test.each<[string, string, string]>([
  ['nothing', '', 'frame.truncated'],
  ['an unknown type', '0b00000000', 'frame.magic'],
  ['a discover of three bytes', '010000', 'frame.truncated'],
  ['an IP address of five bytes', '0205cb007107010fa0', 'frame.invalid'],
  ['an IP address of none', '02000fa0', 'frame.invalid'],
  ['a reply without port', '0204cb007107', 'frame.truncated'],
  ['a sync that counts more than it has', '0700000001ffff00000005', 'frame.truncated'],
])('%s is refused', (_what, hex, code) => {
  expect(() => decodeBeaconMessage(fromHex(hex))).toThrow(expect.objectContaining({ code }));
});

test('arbitrary bytes decode or are refused with a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        decodeBeaconMessage(bytes);
      } catch (error) {
        expect(error).toMatchObject({ name: 'PilotError' });
      }
    }),
  );
});

test('a name is no endpoint', () => {
  const message: BeaconMessage = { kind: 'punch-command', endpoint: { host: 'localhost', port: 1 } };
  expect(() => encodeBeaconMessage(message)).toThrow(expect.objectContaining({ code: 'address.invalid' }));
});
