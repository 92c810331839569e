import { expect, test } from 'vitest';
import { parseOptions } from '../../../../electron/main/options.ts';
import { parseHostArgs } from '../../../../node-core/host/host-args.ts';
import { hostArgs } from '../../../../node-core/supervisor/deck-processes.ts';

test('without arguments it is the demo: an embedded rendezvous and 24 agents', () => {
  expect(parseOptions([]).plan).toMatchObject({ fleetAgents: 24, rendezvous: undefined, otlpHttp: undefined });
});

test('takes the words of `flightdeck serve`, among switches that are meant for Chromium', () => {
  const argv = ['--no-sandbox', '--inspect=0', '.', '--data', '/d', '--fleet', '6', '--otlp-http', '127.0.0.1:0'];
  expect(parseOptions(argv).plan).toMatchObject({ dataFolder: '/d', fleetAgents: 6, otlpHttp: '127.0.0.1:0' });
  expect(parseOptions(['--no-fleet']).plan.fleetAgents).toBe(0);
  expect(parseOptions(['--registry', '127.0.0.1:1', '--beacon', '[::1]:2']).plan.rendezvous).toEqual({
    registry: '127.0.0.1:1',
    beacon: '[::1]:2',
  });
});

test('a network that is joined gets no demo agents that were not asked for', () => {
  const joined = ['--registry', '192.0.2.1:9000', '--beacon', '192.0.2.1:9001'];
  expect(parseOptions(joined).plan.fleetAgents).toBe(0);
  expect(parseOptions([...joined, '--fleet', '3']).plan.fleetAgents).toBe(3);
});

test('the node of this deck listens, is reached and is known as it is told', () => {
  const own = ['--listen', '192.0.2.7:4000', '--endpoint', '198.51.100.1:4000', '--identity', '/me.json'];
  expect(parseOptions(own).plan).toMatchObject({
    listen: '192.0.2.7:4000',
    endpoint: '198.51.100.1:4000',
    identity: '/me.json',
  });
});

const JOINED = ['--registry', '192.0.2.1:9000', '--beacon', '192.0.2.1:9001'];
test.each([
  ['in a network that is joined, to nobody', JOINED, false],
  ['in a network that is joined, to everybody where that is asked for', [...JOINED, '--public'], true],
  ['in its own demo network, to everybody', [], true],
])('a deck shows itself %s', (_what, argv, isPublic) => {
  const { plan } = parseOptions(argv);
  const rendezvous = plan.rendezvous ?? { registry: '127.0.0.1:1', beacon: '127.0.0.1:2' };
  const args = hostArgs(plan, rendezvous, { http: undefined, keptOtlpHttp: undefined });
  expect(parseHostArgs(args).public).toBe(isPublic);
});

test.each([
  [['--fleet', 'many'], /--fleet needs a number/],
  [['--fleet', '-1'], /--fleet needs a number/],
  [['--registry', '127.0.0.1:1'], /go together/],
  [['--http', 'localhost'], /--http needs HOST:PORT/],
  [['--otlp-http'], /--otlp-http needs HOST:PORT/],
  [['--data'], /--data needs a value/],
  [['--listen', '192.0.2.7'], /--listen needs HOST:PORT/],
  [['--identity'], /--identity needs a value/],
])('refuses %j', (argv, message) => {
  expect(() => parseOptions(argv)).toThrow(message);
});
