import { expect, test } from 'vitest';
import type { Endpoint } from '../../../../node-core/base/transport.ts';
import { BeaconClient } from '../../../../node-core/tunnel/hole-punch.ts';
import { decodeBeaconMessage } from '../../../../node-core/wire/beacon-message.ts';

const BEACON: Endpoint = { host: '9.9.9.9', port: 9001 };
const SEEN: Endpoint = { host: '1.2.3.4', port: 5 };

function at(ms: number) {
  return { monotonicMs: ms, unixNano: BigInt(ms) };
}

/** Runs the timers until `until` and returns what was sent when, answering Discovers after `answerMs`. */
function run(client: BeaconClient, sent: Uint8Array[], start: number, until: number, answers: (ms: number) => boolean) {
  const times: { readonly at: number; readonly kind: string }[] = [];
  const news: string[] = [];
  for (let now = start; now <= until; now = Math.max(client.nextTimeout() ?? until + 1, now + 1)) {
    news.push(...client.handleTimeout(at(now)).map((each) => `${now} ${each.type}`));
    for (const bytes of sent.splice(0)) {
      const { kind } = decodeBeaconMessage(bytes);
      times.push({ at: now, kind });
      if (kind === 'discover' && answers(now))
        news.push(...client.handleReply(SEEN, at(now)).map((each) => `${now} ${each.type}`));
    }
  }
  return { times, news };
}

function create(intervalMs: number) {
  const sent: Uint8Array[] = [];
  const client = new BeaconClient(BEACON, { intervalMs, punchesPerSecond: 32 }, (_to, bytes) => sent.push(bytes));
  return { client, sent };
}

test('Discover goes out at 0 and 1 s, then each 25 s', () => {
  const { client, sent } = create(25_000);
  client.discover(7, at(0));
  const { times } = run(client, sent, 0, 80_000, () => true);
  expect(times.map((each) => each.at)).toEqual([0, 1_000, 26_000, 51_000, 76_000]);
});

test('a beacon that dies is away within 4 s when it is asked each 2 s, and back with its first answer', () => {
  const { client, sent } = create(2_000);
  client.discover(7, at(0));
  const { news } = run(client, sent, 0, 40_000, (ms) => ms < 10_000 || ms > 30_000);
  const away = news.filter((each) => each.endsWith('beacon-away'));
  expect(away).toHaveLength(1);
  expect(Number(away[0]?.split(' ')[0])).toBeLessThan(14_000);
  const answered = news.filter((each) => each.endsWith('beacon-answered')).map((each) => Number(each.split(' ')[0]));
  expect(answered).toHaveLength(2);
  expect(answered[1]).toBeLessThan(33_100);
});

test('a reply without a Discover says nothing', () => {
  const { client } = create(2_000);
  expect(client.handleReply(SEEN, at(0))).toEqual([]);
});

test('punch requests are paced to what a stock beacon takes, and none is lost', () => {
  const { client, sent } = create(25_000);
  client.discover(7, at(0));
  for (let peer = 1; peer <= 30; peer++) client.requestPunch(peer, at(0));
  client.requestPunch(30, at(0));
  const { times } = run(client, sent, 0, 10_000, () => true);
  const requests = times.filter((each) => each.kind === 'punch-request');
  expect(requests).toHaveLength(30);
  for (const { at: start } of requests.slice(8)) {
    expect(requests.filter((each) => each.at >= start && each.at < start + 1_000).length).toBeLessThanOrEqual(9);
  }
});

test('a command answers the oldest request, unless it is known whose it is', () => {
  const { client } = create(25_000);
  client.discover(7, at(0));
  for (const peer of [1, 2, 3]) client.requestPunch(peer, at(0));
  client.settleRequest(1);
  expect([client.takeRequest(at(100)), client.takeRequest(at(5_000))]).toEqual([2, undefined]);
});

test('commands in any number open a bounded number of holes', () => {
  const { client, sent } = create(25_000);
  let opened = 0;
  for (let port = 1; port <= 1_000; port++) if (client.punch({ host: '1.1.1.1', port }, at(port))) opened += 1;
  expect(opened).toBeLessThan(64 + 40);
  expect(sent).toHaveLength(3 * opened);
  expect([client.wasPunched({ host: '1.1.1.1', port: 1 }, at(1_000)), client.wasPunched(SEEN, at(1_000))]).toContain(
    false,
  );
});
