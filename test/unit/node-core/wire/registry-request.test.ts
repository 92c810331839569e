import { expect, test } from 'vitest';
import { utf8 } from '../../../../node-core/base/bytes.ts';
import { type JsonObject, parseRegistryMessage } from '../../../../node-core/wire/registry-message.ts';
import { RegistryRefusal, refusalCodeOf, refusalOf } from '../../../../node-core/wire/registry-refusal.ts';
import {
  encodeCall,
  isRegistryCall,
  parseReply,
  type RegistryCall,
  readRequest,
  writeReply,
} from '../../../../node-core/wire/registry-request.ts';

function reply(type: RegistryCall, fields: JsonObject) {
  return parseReply(type, utf8(JSON.stringify(fields)));
}

test('takes an error for a failure whatever else there is, and a reply without type for none', () => {
  const refused = { code: 'registry.refused', message: 'node 9: node not found', details: { refusal: 'node-unknown' } };
  expect(() => reply('lookup', { type: 'lookup_ok', error: 'node 9: node not found' })).toThrow(
    expect.objectContaining(refused),
  );
  expect(() => reply('lookup', { node_id: 1 })).toThrow(expect.objectContaining({ code: 'frame.invalid' }));
  expect(() => reply('lookup', { error: { toString: 1 } })).toThrow(
    expect.objectContaining({ code: 'registry.refused', details: { refusal: 'unspecified' } }),
  );
  expect(reply('set_hostname', { type: 'anything', node_id: 1, hostname: 'a' })).toEqual({ nodeId: 1, hostname: 'a' });
});

test('reads what is missing or misplaced as running servers do', () => {
  expect(reply('poll_handshakes', { type: 'poll_handshakes_ok', requests: null, responses: [7, null, {}] })).toEqual({
    requests: [],
    responses: [{ fromNodeId: 0, accept: false, timestamp: 0 }],
  });
  expect(reply('list_nodes', { type: 'list_nodes_ok', nodes: { a: 1 } })).toEqual({ nodes: [] });
  expect(reply('lookup', { type: 'lookup_ok', node_id: '1', networks: [1, 'x'], tags: null, hostname: 7 })).toEqual({
    nodeId: 0,
    address: '',
    networks: [1],
    publicKey: '',
    public: false,
  });
  expect(readRequest('set_tags', { node_id: 3.9, tags: ['a', 1] })).toEqual({ nodeId: 3, tags: ['a'] });
  expect(readRequest('register', { lan_addrs: 'x', relay_only: 'yes' })).toEqual({
    listenAddress: '',
    publicKey: '',
  });
});

test('what a client says is what a server reads, and the other way round', () => {
  const registration = { listenAddress: '1.2.3.4:5', publicKey: 'k', version: '1', lanAddresses: ['10.0.0.1:4'] };
  const message = parseRegistryMessage(encodeCall('register', registration));
  expect(message).toEqual({
    type: 'register',
    listen_addr: '1.2.3.4:5',
    public_key: 'k',
    version: '1',
    lan_addrs: ['10.0.0.1:4'],
  });
  expect(readRequest('register', message)).toEqual(registration);
  const one = { networkId: 1, tags: [] };
  const all = { networkId: 1, members: { 1: ['a'], 2: [] } };
  for (const tags of [one, all]) expect(reply('get_member_tags', writeReply('get_member_tags', tags))).toEqual(tags);
  expect(['lookup', 'constructor', '__proto__', 'frobnicate', ''].filter(isRegistryCall)).toEqual(['lookup']);
});

test.each([
  new RegistryRefusal('rate-limited', 'requests'),
  new RegistryRefusal('node-unknown', 7),
  new RegistryRefusal('signature-missing'),
  new RegistryRefusal('signature-malformed'),
  new RegistryRefusal('signature-wrong'),
  new RegistryRefusal('signature-dropped'),
  new RegistryRefusal('proof-required'),
  new RegistryRefusal('proof-invalid', 'x'),
  new RegistryRefusal('enterprise-only'),
  new RegistryRefusal('key-missing'),
  new RegistryRefusal('key-invalid', 'invalid public key size: 3'),
  new RegistryRefusal('key-taken'),
  new RegistryRefusal('key-expired', 7, '2027-01-01T00:00:00Z'),
  new RegistryRefusal('expiry-invalid', 'not in the future'),
  new RegistryRefusal('address-invalid', 'listen_addr', 'no port'),
  new RegistryRefusal('hostname-invalid', 'hostname too long (max 63 chars)'),
  new RegistryRefusal('hostname-taken', 'a', 7),
  new RegistryRefusal('hostname-unknown', 'a'),
  new RegistryRefusal('tags-too-many', 10),
  new RegistryRefusal('tag-too-long', 'x', 32),
  new RegistryRefusal('tag-invalid', 'a b'),
  new RegistryRefusal('admin-token-unset'),
  new RegistryRefusal('admin-token-wrong'),
  new RegistryRefusal('resolve-denied', 7),
  new RegistryRefusal('punch-denied', 7),
  new RegistryRefusal('punch-for-others'),
  new RegistryRefusal('trust-full'),
  new RegistryRefusal('trust-unknown', 1, 2),
  new RegistryRefusal('handshake-pending', 7),
  new RegistryRefusal('inbox-full', 'requests'),
  new RegistryRefusal('justification-too-long', 1_024),
  new RegistryRefusal('group-unknown', 7),
  new RegistryRefusal('group-name-invalid'),
  new RegistryRefusal('group-name-taken', 'a'),
  new RegistryRefusal('join-rule-invalid', 'x'),
  new RegistryRefusal('token-too-long', 256),
  new RegistryRefusal('token-wrong', 7),
  new RegistryRefusal('already-member', 7, 1),
  new RegistryRefusal('not-a-member', 7, 1),
  new RegistryRefusal('backbone-fixed', 'join'),
  new RegistryRefusal('groups-full', 'networks'),
  new RegistryRefusal('beacon-unnamed'),
  new RegistryRefusal('beacons-full'),
  new RegistryRefusal('registry-full', 'nodes'),
  new RegistryRefusal('not-saved'),
  new RegistryRefusal('type-unknown', 'x'),
])('what a registry means is read from its words: $message', ({ code, message }) => {
  expect(refusalOf(message)).toBe(code);
  const hidden =
    /rate limited|expired|already|not a member|cannot|too many|too long|not found|invalid|require|signature|enterprise feature/;
  if (!hidden.test(message)) expect(message).toMatch(/denied|no trust pair|unknown message type/);
});

test('words that nobody here knows, and errors of another kind, mean nothing', () => {
  expect(refusalOf('request failed')).toBe('unspecified');
  expect(refusalCodeOf(new Error('signature verification failed'))).toBeUndefined();
});
