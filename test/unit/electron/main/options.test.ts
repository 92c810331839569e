import { expect, test } from 'vitest';
import { parseOptions } from '../../../../electron/main/options.ts';

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

test.each([
  [['--fleet', 'many'], /--fleet needs a number/],
  [['--fleet', '-1'], /--fleet needs a number/],
  [['--registry', '127.0.0.1:1'], /go together/],
  [['--http', 'localhost'], /--http needs HOST:PORT/],
  [['--otlp-http'], /--otlp-http needs HOST:PORT/],
  [['--data'], /--data needs a value/],
])('refuses %j', (argv, message) => {
  expect(() => parseOptions(argv)).toThrow(message);
});
