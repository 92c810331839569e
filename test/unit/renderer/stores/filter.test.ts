import { expect, test } from 'vitest';
import {
  type Filter,
  filterAgents,
  filterTunnels,
  isFiltering,
  NO_FILTER,
  parseChip,
  withChip,
} from '../../../../renderer/stores/filter.ts';
import { aGroup, anAgent, aTunnel } from '../builders.ts';

const self = anAgent({ nodeId: 1, hostname: 'flightdeck', self: true, groupIds: [] });
const filings = anAgent({ nodeId: 2, hostname: 'filings-2', groupIds: [12], tags: ['filings'] });
const fares = anAgent({
  nodeId: 3,
  hostname: 'fare-watch',
  groupIds: [11],
  health: { state: 'degraded', reason: 'slow', since: 0 },
});
const agents = [self, filings, fares];
const tunnels = [aTunnel(1, 2), aTunnel(1, 3, { path: 'relay' }), aTunnel(2, 3, { path: 'relay' })];
const groups = new Map([
  [11, aGroup(11, { name: 'travel' })],
  [12, aGroup(12, { name: 'finance' })],
]);

function shown(filter: Partial<Filter>): string[] {
  return filterAgents(agents, { ...NO_FILTER, ...filter }, { groups, tunnels }).map((agent) => agent.hostname);
}

test.each([
  ['group: finance', { key: 'group', value: 'finance' }],
  ['PATH:relay ', { key: 'path', value: 'relay' }],
  ['agent:  fare watch', { key: 'agent', value: 'fare watch' }],
  ['colour: red', undefined],
  ['plain words', undefined],
  ['group:', undefined],
])('reads %j', (text, chip) => {
  expect(parseChip(text)).toEqual(chip);
});

test('chips of one kind widen, kinds narrow, and this node stays', () => {
  expect(shown({ chips: [{ key: 'group', value: 'Finance' }] })).toEqual(['flightdeck', 'filings-2']);
  expect(
    shown({
      chips: [
        { key: 'group', value: '11' },
        { key: 'group', value: 'finance' },
      ],
    }),
  ).toHaveLength(3);
  expect(
    shown({
      chips: [
        { key: 'group', value: 'finance' },
        { key: 'health', value: 'degraded' },
      ],
    }),
  ).toEqual(['flightdeck']);
  expect(shown({ chips: [{ key: 'tag', value: 'filings' }] })).toEqual(['flightdeck', 'filings-2']);
});

test('words look at names, groups and tags; a chip still being typed hides nothing', () => {
  expect(shown({ text: 'fare' })).toEqual(['flightdeck', 'fare-watch']);
  expect(shown({ text: 'travel watch' })).toEqual(['flightdeck', 'fare-watch']);
  expect(shown({ text: 'path: rel' })).toHaveLength(3);
  expect(isFiltering({ ...NO_FILTER, text: 'path: rel' })).toBe(false);
});

test('a path chip leaves only tunnels of that path, between shown agents', () => {
  const filter: Filter = { chips: [{ key: 'path', value: 'relay' }], text: '' };
  expect(filterTunnels(tunnels, filter, new Set([1, 2, 3])).map((tunnel) => tunnel.id)).toEqual(['1-3', '2-3']);
  expect(filterTunnels(tunnels, NO_FILTER, new Set([1, 2])).map((tunnel) => tunnel.id)).toEqual(['1-2']);
});

test('the same chip is taken once and clears the words', () => {
  const once = withChip({ chips: [], text: 'path: relay' }, { key: 'path', value: 'relay' });
  expect(withChip(once, { key: 'path', value: 'relay' })).toEqual({
    chips: [{ key: 'path', value: 'relay' }],
    text: '',
  });
});
