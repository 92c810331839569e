import { toHex } from '../base/bytes.ts';
import { knownError } from '../base/known-error.ts';
import type { Lifetime } from '../base/lifetime.ts';
import { parseEndpoint } from '../base/transport.ts';
import { DeckWatch } from '../deck-client/deck-watch.ts';
import { FleetAgent, type FleetNetwork } from '../fleet/fleet-agent.ts';
import { type RosterEntry, roster } from '../fleet/roster.ts';
import { createLog } from '../runtime/log.ts';
import { makeDataFolder } from '../supervisor/data-folder.ts';
import { forkProgram } from '../supervisor/fork.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import { type FleetCommand, type FleetReply, serveFleetControl } from '../testbed/fleet-control.ts';

export interface FleetUpCommand {
  readonly data: string;
  readonly agents: number;
  readonly sendsContext: boolean;
  /** The name of one agent of the roster: this process runs it alone. */
  readonly only: string | undefined;
  /** False lifts what is bounded per second. */
  readonly rateLimits: boolean;
}

/** A killed agent is started again after this long: long enough for an operator to see that it is gone. */
const RESTART_MS = 20_000;

/** The agents of a fleet in this process. They join the network of the deck that runs in the data folder. */
export async function startFleet(command: FleetUpCommand, lifetime: Lifetime) {
  const log = createLog('fleet');
  const folder = `${command.data}/agents`;
  await makeDataFolder(folder);
  const deck = await lifetime.until(DeckWatch.open(command.data));
  lifetime.onEnd(() => deck.close());
  let sendsContext = command.sendsContext;
  const networkNow = (): FleetNetwork => ({
    registry: required(deck.current.registry),
    registryFingerprint: deck.current.registryFingerprint,
    beacon: required(deck.current.beacon),
    folder,
    collector: () => deck.current.nodeId,
    sendsContext: () => sendsContext,
    rateLimits: command.rateLimits,
  });
  const entries = roster(command.agents).filter(
    (entry) => command.only === undefined || entry.hostname === command.only,
  );
  let agents: readonly FleetAgent[] = [];
  const join = async () => {
    agents = await Promise.all(entries.map((entry) => FleetAgent.start(entry, networkNow())));
    await deck.trust(agents.map(({ node }) => ({ nodeId: node.nodeId, publicKey: toHex(node.publicKey) })));
  };
  lifetime.onEnd(() => Promise.all(agents.map((agent) => agent.stop())));
  await lifetime.until(join());
  log.info({ agents: agents.length }, 'the fleet is up');
  deck.onMoved = inTurn(async () => {
    log.warn({ registry: deck.current.registry }, 'the deck moved to another registry: the fleet follows');
    try {
      await Promise.all(agents.map((agent) => agent.stop()));
      await lifetime.until(join());
    } catch (error) {
      log.error({ error: knownError(error)?.message ?? String(error) }, 'the fleet cannot follow the deck, and ends');
      lifetime.end();
    }
  });
  const control = await serveFleetControl(deck.current.sockets, async (wanted) => {
    if (wanted.act === 'context') sendsContext = wanted.enabled;
    return obey(agents, wanted);
  });
  lifetime.onEnd(() => control.close());
  return {
    agents: agents.map(({ entry, node }) => ({
      hostname: entry.hostname,
      nodeId: node.nodeId,
      address: node.address,
    })),
  };
}

/** Each agent in a process of its own, started again if it is killed. */
export async function startFleetOfProcesses(command: FleetUpCommand, lifetime: Lifetime) {
  const log = createLog('fleet');
  const supervisor = new Supervisor(
    (_role, args) => forkProgram(process.argv[1] as string, args),
    (event) => {
      if (event.type === 'exited')
        log.warn({ agent: event.role, reason: event.reason, restartInMs: event.restartInMs }, 'an agent ended');
    },
    { firstRestartMs: RESTART_MS },
  );
  const common = ['fleet', 'up', '--data', command.data, '--agents', String(command.agents)];
  if (!command.sendsContext) common.push('--no-context');
  if (!command.rateLimits) common.push('--no-rate-limits');
  lifetime.onEnd(() => supervisor.stop());
  const ready = await lifetime.until(
    Promise.all(
      roster(command.agents).map(({ hostname }: RosterEntry) =>
        supervisor.start({ role: hostname, args: () => [...common, '--only', hostname] }),
      ),
    ),
  );
  const agents = ready.flatMap((line) => (Array.isArray(line.agents) ? line.agents : []));
  const withPids = agents.map((agent: { hostname: string }) => ({ ...agent, pid: supervisor.pidOf(agent.hostname) }));
  return { agents: withPids };
}

/** Runs `follow` once at a time, and again when it was asked for meanwhile. */
function inTurn(follow: () => Promise<void>): () => void {
  let asked = false;
  let running = false;
  return async () => {
    asked = true;
    if (running) return;
    for (running = true; asked; ) {
      asked = false;
      await follow();
    }
    running = false;
  };
}

async function obey(agents: readonly FleetAgent[], wanted: FleetCommand): Promise<FleetReply> {
  switch (wanted.act) {
    case 'nat': {
      const agent = agents.find(({ entry }) => entry.hostname === wanted.agent);
      agent?.setNat(wanted.kind);
      return agent === undefined ? undefined : { agent: wanted.agent, nat: wanted.kind };
    }
    case 'context':
      return { agents: agents.length, context: wanted.enabled };
    case 'counters':
      return Object.fromEntries(
        agents.map((agent) => [agent.entry.hostname, { nodeId: agent.node.nodeId, ...agent.natCounters }]),
      );
    default:
      return wanted satisfies never;
  }
}

function required(text: string) {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined) throw new Error(`not an address: ${text}`);
  return endpoint;
}
