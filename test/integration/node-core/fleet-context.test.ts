import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { utf8 } from '../../../node-core/base/bytes.ts';
import { FleetAgent } from '../../../node-core/fleet/fleet-agent.ts';
import { GROUP_NAMES, type RosterEntry } from '../../../node-core/fleet/roster.ts';
import { formatTraceparent, parseTraceparent } from '../../../node-core/fleet/trace-context.ts';
import { DataExchangeService } from '../../../node-core/services/data-exchange.ts';
import { LocalNetwork } from '../../support/local-network.ts';

const AGENT: RosterEntry = { hostname: 'desk-2', group: 'research', tag: 'desk', nat: 'none', clockAheadMs: 0 };
const FINANCE = GROUP_NAMES.indexOf('finance') + 1;
/** Long enough to be a trace or span id, in hex. */
const AN_ID = /[0-9a-f]{16}/i;

let network: LocalNetwork;
let folder: string;
beforeEach(async () => {
  network = await LocalNetwork.start(GROUP_NAMES);
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-context-'));
});
afterEach(async () => {
  await network.close();
  await rm(folder, { recursive: true });
});

/** The first question that an agent of the fleet asks a member which keeps what it hears. */
async function firstQuestion(sendsContext: boolean): Promise<string> {
  const member = await network.node({ tags: ['filings'] });
  await member.join(FINANCE, '');
  const heard = new Promise<string>((resolve) => {
    member.serve(
      new DataExchangeService((message, reply) => {
        resolve(new TextDecoder().decode(message.payload));
        member.run((_core, now) => reply('json', utf8('{"answer":"none"}'), now));
      }),
    );
  });
  const agent = await FleetAgent.start(AGENT, {
    registry: network.registry,
    beacon: network.beacon,
    folder,
    collector: () => member.nodeId,
    sendsContext: () => sendsContext,
    rateLimits: true,
  });
  try {
    return await heard;
  } finally {
    await agent.stop();
  }
}

test('no message of the fleet carries a trace id while context is off', async () => {
  const question = await firstQuestion(false);
  expect(JSON.parse(question)).toMatchObject({ capability: 'filings' });
  expect(question).not.toMatch(AN_ID);
  expect(question).not.toContain('_meta');
});

test('with context on, a message names the call it was sent in', async () => {
  const { _meta: meta } = JSON.parse(await firstQuestion(true));
  const context = parseTraceparent(meta.traceparent);
  expect(context && formatTraceparent(context)).toBe(meta.traceparent);
});
