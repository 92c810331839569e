import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseHostArgs } from '../../node-core/host/host-args.ts';
import { type DeckPlan, startDeckProcesses } from '../../node-core/supervisor/deck-processes.ts';
import { forkProgram } from '../../node-core/supervisor/fork.ts';
import { Supervisor, type SupervisorEvent } from '../../node-core/supervisor/supervisor.ts';

const FAR = { registry: '192.0.2.1:9000', beacon: '192.0.2.1:9001' };
const CHILD = fileURLToPath(new URL('../support/ready-child.cjs', import.meta.url));

let folder: string;
let journal: string;
let events: SupervisorEvent[];
let supervisor: Supervisor;

beforeEach(async () => {
  // what one deck draws for its processes is not of the next
  vi.stubEnv('FLIGHTDECK_TOKEN', '');
  vi.stubEnv('FLIGHTDECK_ADMIN_TOKEN', '');
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-supervisor-'));
  journal = join(folder, 'journal');
  events = [];
  supervisor = new Supervisor(
    (role, args) => forkProgram(CHILD, [role, journal, ...args]),
    (event) => events.push(event),
  );
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await supervisor.stop();
  await rm(folder, { recursive: true, force: true });
});

const plan = (changes: Partial<DeckPlan>): DeckPlan => ({
  dataFolder: folder,
  fleetAgents: 24,
  rendezvous: undefined,
  otlpHttp: undefined,
  http: '127.0.0.1:0',
  listen: undefined,
  endpoint: undefined,
  identity: undefined,
  public: false,
  rateLimits: true,
  ...changes,
});
const lines = async (): Promise<string[]> => (await readFile(journal, 'utf8')).trim().split('\n');

test('starts rendezvous, deck host and fleet in this order, each told where the one before it is', async () => {
  const hostArgs: string[] = [];
  await startDeckProcesses(plan({}), supervisor, async (args) => {
    hostArgs.push(...args());
    return {};
  });
  expect(hostArgs.join(' ')).toBe(
    `--data ${folder} --registry 127.0.0.1:7001 --beacon 127.0.0.1:7002 --http 127.0.0.1:0 --name Local network --public --nat port-restricted`,
  );
  const store = join(folder, 'rendezvous.json');
  await vi.waitFor(async () => expect(await lines()).toHaveLength(2));
  expect(await lines()).toEqual([
    `rendezvous started rendezvous --registry-addr 127.0.0.1:0 --beacon-addr 127.0.0.1:0 --store ${store} --group travel --group finance --group security --group research`,
    `fleet started fleet up --agents 24 --data ${folder}`,
  ]);
  await supervisor.stop();
  expect((await lines()).slice(2)).toEqual(['fleet ended', 'rendezvous ended']);
});

test('lifts the limits per second in every process', async () => {
  const hostArgs: string[] = [];
  await startDeckProcesses(plan({ rateLimits: false }), supervisor, async (args) => {
    hostArgs.push(...args());
    return {};
  });
  expect(parseHostArgs(hostArgs)).toMatchObject({ rateLimits: false });
  await vi.waitFor(async () => expect(await lines()).toHaveLength(2));
  for (const line of await lines()) expect(line).toMatch(/ --no-rate-limits$/);
});

test('joins the rendezvous that was named and starts no fleet that was not asked for', async () => {
  const rendezvous = { registry: '127.0.0.1:9000', beacon: '127.0.0.1:9001' };
  const started: string[][] = [];
  await startDeckProcesses(plan({ rendezvous, fleetAgents: 0 }), supervisor, async (args) => {
    started.push([...args()]);
    return {};
  });
  expect(started.flat()).toContain('127.0.0.1:9000');
  expect(events).toEqual([]);
});

test.each([
  ['loopback beside a rendezvous of its own', {}, { kind: 'address', listen: { host: '127.0.0.1', port: 0 } }],
  ['every address in a network that is joined', { rendezvous: FAR }, { kind: 'anywhere' }],
  ['where it is told', { rendezvous: FAR, listen: '[::1]:7' }, { kind: 'address', listen: { host: '::1', port: 7 } }],
  ['behind a simulated router in the demo alone', { fleetAgents: 1 }, { kind: 'demo', nat: 'port-restricted' }],
  ['where it is told in the demo too', { fleetAgents: 1, listen: '127.0.0.1:7' }, { kind: 'address' }],
] as const)('the node of the deck has its socket at %s', async (_where, changes, place) => {
  const started: string[][] = [];
  await startDeckProcesses(plan({ fleetAgents: 0, ...changes }), supervisor, async (args) => {
    started.push([...args()]);
    return {};
  });
  expect(parseHostArgs(started[0] ?? []).place).toMatchObject(place);
});

test('the demo fleet does not join a network that is not on this machine', async () => {
  const joined = startDeckProcesses(plan({ fleetAgents: 4, rendezvous: FAR }), supervisor, async () => ({}));
  await expect(joined).rejects.toThrow('--fleet stays on this machine and cannot join 192.0.2.1:9000');
  expect(events).toEqual([]);
});

test('a killed rendezvous comes back on the addresses everyone was told', async () => {
  await startDeckProcesses(plan({ fleetAgents: 0 }), supervisor, async () => ({}));
  process.kill(supervisor.pidOf('rendezvous') as number, 'SIGKILL');
  await vi.waitFor(() => expect(events.filter((event) => event.type === 'ready')).toHaveLength(2), { timeout: 30_000 });
  expect(events.map((event) => event.type)).toEqual(['started', 'ready', 'exited', 'started', 'ready']);
  expect((await lines()).at(-1)).toContain('--registry-addr 127.0.0.1:7001 --beacon-addr 127.0.0.1:7002');
});

test('starts nothing once it was told to stop', async () => {
  await supervisor.stop();
  await expect(startDeckProcesses(plan({}), supervisor, async () => ({}))).rejects.toThrow('the deck ends');
  expect(events).toEqual([]);
});
