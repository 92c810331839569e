import { expect, test } from 'vitest';
import { BeaconRoster } from '../../../../node-core/node/beacon-roster.ts';

const at = (host: string) => ({ host, port: 9001 });
const GIVEN = at('5.0.0.1');

test('goes through the given beacon and those that are listed, in their order, round and round', () => {
  const roster = new BeaconRoster(GIVEN);
  roster.learn([at('5.0.0.3'), GIVEN, at('5.0.0.2')]);
  expect([1, 2, 3, 4].map(() => roster.moveOn()?.host)).toEqual(['5.0.0.3', '5.0.0.2', '5.0.0.1', '5.0.0.3']);
});

test('stays where it is when there is no other', () => {
  const roster = new BeaconRoster(GIVEN);
  expect([roster.moveOn(), roster.current]).toEqual([undefined, GIVEN]);
  roster.learn([GIVEN]);
  expect([roster.moveOn(), roster.current]).toEqual([undefined, GIVEN]);
});

test('comes back to the given beacon from one that is listed no more', () => {
  const roster = new BeaconRoster(GIVEN);
  roster.learn([at('5.0.0.2')]);
  roster.moveOn();
  roster.learn([]);
  expect([roster.current, roster.moveOn()]).toEqual([at('5.0.0.2'), GIVEN]);
});

test('a public network does not direct a node into its own, a local one may', () => {
  const listed = ['127.0.0.1', '10.0.0.1', '0.0.0.0', '224.0.0.1', '[::1]', 'fe80::1', 'beacon.example'].map(at);
  const roster = new BeaconRoster(GIVEN);
  roster.learn(listed);
  expect(roster.moveOn()).toBeUndefined();
  const local = new BeaconRoster(at('127.0.0.2'));
  local.learn(listed);
  expect(local.moveOn()).toEqual(at('127.0.0.1'));
});

test('keeps a bounded number', () => {
  const roster = new BeaconRoster(GIVEN);
  roster.learn(Array.from({ length: 1_000 }, (_, n) => at(`6.0.${n >> 8}.${n & 255}`)));
  const seen = new Set(Array.from({ length: 1_001 }, () => roster.moveOn()?.host));
  expect(seen.size).toBe(65);
});
