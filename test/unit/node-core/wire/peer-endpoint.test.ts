import { expect, test } from 'vitest';
import { parsePeerEndpoint } from '../../../../node-core/wire/peer-endpoint.ts';

test.each([
  ['192.0.2.1:4000', { host: '192.0.2.1', port: 4000 }],
  ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
  ['[2001:db8::1]:65535', { host: '2001:db8::1', port: 65_535 }],
  ['[::1]:5', { host: '::1', port: 5 }],
  ['[2001:DB8:0:0::1]:5', { host: '2001:db8::1', port: 5 }],
  ['[::ffff:192.0.2.1]:5', { host: '192.0.2.1', port: 5 }],
])('%s is where a node can be reached', (text, endpoint) => {
  expect(parsePeerEndpoint(text)).toEqual(endpoint);
});

test.each([
  '192.0.2.1:0',
  '[2001:db8::1]:0',
  '192.0.2.1:65536',
  '192.0.2.1',
  '192.0.2:5',
  '192.0.2.256:5',
  'localhost:5',
  'example.org:5',
  ':5',
  '[]:5',
  '0.0.0.0:5',
  '[::]:5',
  '224.0.0.1:5',
  '255.255.255.255:5',
  '[ff02::1]:5',
  '[fe80::1%eth0]:5',
  '[::ffff:0.0.0.0]:5',
  '192.0.2.1:5\n',
])('%j is nowhere a node can be reached', (text) => {
  expect(parsePeerEndpoint(text)).toBeUndefined();
});
