import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../../../../node-core/contract/log.ts';
import { concerns, fitsFilter, type LogFacts } from '../../../../renderer/log/log-filter.ts';
import { logText } from '../../../../renderer/log/log-text.ts';
import type { Selection } from '../../../../renderer/stores/view-store.ts';
import { aGroup, anAgent, aTunnel } from '../builders.ts';

const [SELF, NEAR, FAR] = [1, 2, 3];
const facts: LogFacts = {
  agents: new Map([
    [NEAR, anAgent({ nodeId: NEAR, hostname: 'near', groupIds: [12] })],
    [FAR, anAgent({ nodeId: FAR, hostname: 'far', groupIds: [13] })],
  ]),
  groups: new Map([
    [12, aGroup(12, { name: 'finance', memberIds: [NEAR] })],
    [13, aGroup(13, { name: 'travel', memberIds: [FAR] })],
  ]),
  tunnels: new Map([['1-2', aTunnel(SELF, NEAR)]]),
};

function line(change: Partial<LogEvent>): LogEvent {
  return { id: 1, at: 0, level: 'info', kind: 'tunnel.path', text: '', source: 'this node', actor: 'node', ...change };
}

const LINES = {
  near: line({ text: 'near: direct to relay', nodeId: NEAR }),
  far: line({ text: 'far is silent', kind: 'peer.silent', nodeId: FAR }),
  group: line({ text: 'Joined finance', kind: 'group.join', groupId: 12 }),
  beacon: line({ text: 'Beacon 127.0.0.1:9001 answers', kind: 'beacon.ok' }),
  registry: line({ text: 'Registry answers', kind: 'registry.ok' }),
};

const chosen = (fits: (event: LogEvent) => boolean) =>
  Object.entries(LINES).flatMap(([name, event]) => (fits(event) ? [name] : []));

test('a line from before the name of its agent was known says the name now, and is found by it', () => {
  const early = line({ text: '0:0000.0000.0002: unknown to relay', nodeId: NEAR });
  expect(logText(early, facts.agents)).toBe('near: unknown to relay');
  expect(fitsFilter(early, { chips: [], text: 'near' }, facts.agents, facts.groups)).toBe(true);
  expect(logText({ ...early, nodeId: 99 }, facts.agents)).toBe(early.text);
  const nameless = new Map([[NEAR, anAgent({ nodeId: NEAR, hostname: '' })]]);
  expect(logText(early, nameless)).toBe(early.text);
});

describe('lines about a selection', () => {
  test.each<[Selection, readonly string[]]>([
    [{ kind: 'agent', nodeId: NEAR }, ['near']],
    [{ kind: 'tunnel', id: '1-2' }, ['near']],
    [{ kind: 'tunnel', id: '8-9' }, []],
    [{ kind: 'group', groupId: 12 }, ['near', 'group']],
    [{ kind: 'group', groupId: 99 }, []],
    [{ kind: 'beacon', id: '127.0.0.1:9001' }, ['beacon']],
    [{ kind: 'beacon', id: '127.0.0.1:9002' }, []],
    [{ kind: 'status', topic: 'registry' }, ['registry']],
    [{ kind: 'status', topic: 'beacons' }, ['beacon']],
  ])('%j', (selection, names) => {
    expect(chosen((event) => concerns(event, selection, facts))).toEqual(names);
  });
});

describe('lines under the global filter', () => {
  test.each([
    [{ chips: [{ key: 'agent', value: 'NEAR' }], text: '' }, ['near']],
    [{ chips: [{ key: 'group', value: 'finance' }], text: '' }, ['near', 'group']],
    [{ chips: [], text: 'silent' }, ['far']],
    [{ chips: [], text: '' }, Object.keys(LINES)],
  ] as const)('%j', (filter, names) => {
    expect(chosen((event) => fitsFilter(event, filter, facts.agents, facts.groups))).toEqual(names);
  });
});

test('a line about who had an id before is not about who has it now, nor called by its name', () => {
  const agents = new Map([
    [NEAR, anAgent({ nodeId: NEAR, hostname: 'near', address: '0:0000.0000.0002', publicKey: 'ab'.repeat(32) })],
  ]);
  const selected: Selection = { kind: 'agent', nodeId: NEAR };
  const lineOf = (nodeKey: string) => line({ text: '0:0000.0000.0002 is silent', nodeId: NEAR, nodeKey });
  const [earlier, now] = [lineOf('cd'.repeat(32)), lineOf('ab'.repeat(32))];
  expect([concerns(earlier, selected, { ...facts, agents }), concerns(now, selected, { ...facts, agents })]).toEqual([
    false,
    true,
  ]);
  expect([logText(earlier, agents), logText(now, agents)]).toEqual(['0:0000.0000.0002 is silent', 'near is silent']);
});
