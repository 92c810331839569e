import { expect, test } from 'vitest';
import { type Applicant, KeyExchangeLimits } from '../../../../node-core/tunnel/key-exchange-limits.ts';
import { direct, RELAY, type Route } from '../../../../node-core/tunnel/path.ts';
import { DEFAULT_LIMITS } from '../../../../node-core/tunnel/tunnel-config.ts';

const { keyExchangeDirect, keyExchangeRelayed } = DEFAULT_LIMITS;

function stranger(route: Route, nodeId: number): Applicant {
  return { route, nodeId, standing: 'stranger', proof: 'none' };
}

function from(host: string, port: (index: number) => number, count = 20): Applicant[] {
  return Array.from({ length: count }, (_, index) => stranger(direct({ host, port: port(index) }), 9));
}

/** Strangers each from an address and with an id of its own. */
function crowd(count: number): Applicant[] {
  return Array.from({ length: count }, (_, n) =>
    stranger(direct({ host: `10.0.${n >> 8}.${n & 255}`, port: 1 }), n + 1),
  );
}

function relayed(count: number, fields: Partial<Applicant> = {}): Applicant[] {
  return Array.from({ length: count }, (_, n) => ({ ...stranger(RELAY, n + 1), ...fields }));
}

function looked(limits: KeyExchangeLimits, applicants: readonly Applicant[], now = 0): number {
  return applicants.filter((applicant) => limits.judge(applicant, now) === 'look').length;
}

test.each([
  { name: 'one port of a loopback address', applicants: from('127.0.0.1', () => 1), passes: 5 },
  { name: 'twenty ports of a loopback address', applicants: from('127.0.0.1', (n) => n + 1), passes: 20 },
  { name: 'twenty ports of ::1', applicants: from('::1', (n) => n + 1), passes: 20 },
  { name: 'twenty ports of another address', applicants: from('10.0.0.1', (n) => n + 1), passes: 5 },
  { name: 'a known peer through the relay', applicants: relayed(20, { nodeId: 9, standing: 'known' }), passes: 5 },
  { name: 'known peers through the relay', applicants: relayed(20, { standing: 'known' }), passes: 20 },
  { name: 'any strangers through the relay', applicants: relayed(20), passes: keyExchangeRelayed / 2 },
] as const)('of 20 frames from $name $passes are looked at', ({ applicants, passes }) => {
  expect(looked(new KeyExchangeLimits(DEFAULT_LIMITS), applicants)).toBe(passes);
});

test('any number of senders behind the relay have one small budget, which refills', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  expect(looked(limits, relayed(10_000))).toBe(keyExchangeRelayed / 2);
  const others = relayed(10_000).map((each) => ({ ...each, nodeId: each.nodeId + 10_000 }));
  expect(looked(limits, others, 500)).toBe(keyExchangeRelayed / 2);
});

test('a flood of strangers, straight and relayed, takes nothing from known peers, nor the relayed from the straight', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  looked(limits, relayed(10_000));
  expect(looked(limits, crowd(10))).toBe(10);
  looked(limits, crowd(10_000));
  const known: Applicant = { ...stranger(direct({ host: '5.5.5.5', port: 1 }), 77), standing: 'known' };
  expect(limits.judge(known, 0)).toBe('look');
  expect(limits.judge({ ...known, route: RELAY }, 0)).toBe('look');
});

test('when strangers are many, one is asked whether it hears us, and is looked at when it brings the cookie', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  expect(looked(limits, crowd(keyExchangeDirect))).toBe(keyExchangeDirect / 2);
  const late = stranger(direct({ host: '5.5.5.5', port: 1 }), 77);
  expect(limits.judge(late, 0)).toBe('challenge');
  expect(limits.judge({ ...late, proof: 'cookie' }, 10)).toBe('look');
});

test('one that answers the request without a cookie is looked at once, within a second', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  looked(limits, crowd(keyExchangeDirect));
  const [slow, quick] = ['5.5.5.5', '6.6.6.6'].map((host) => stranger(direct({ host, port: 1 }), 77));
  expect(limits.judge(quick as Applicant, 0)).toBe('challenge');
  expect(limits.judge(quick as Applicant, 0)).toBe('look');
  expect(limits.judge(quick as Applicant, 0)).toBe('refuse');
  expect(limits.judge(slow as Applicant, 0)).toBe('challenge');
  looked(limits, crowd(keyExchangeDirect), 1_000);
  expect(limits.judge(slow as Applicant, 1_000)).toBe('challenge');
});

test('who asks us for a proof is never asked for one: two nodes under load would not stop', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  looked(limits, crowd(keyExchangeDirect));
  const asking = { ...stranger(direct({ host: '5.5.5.5', port: 1 }), 77), proof: 'none-asked' } as const;
  expect(limits.judge(asking, 0)).toBe('refuse');
});

test('who speaks in the name of a known peer does not silence it: it brings a cookie, for which there is another budget', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  const forged: Applicant = { route: RELAY, nodeId: 9, standing: 'known', proof: 'none' };
  const verdicts = Array.from({ length: 20 }, () => limits.judge(forged, 0));
  expect(verdicts.filter((verdict) => verdict === 'look')).toHaveLength(5);
  expect(verdicts.filter((verdict) => verdict === 'challenge')).toHaveLength(1);
  expect(limits.judge({ ...forged, proof: 'cookie' }, 0)).toBe('look');
});

test('the registry is asked less for strangers behind the relay than for those that come straight', () => {
  const limits = new KeyExchangeLimits(DEFAULT_LIMITS);
  const asked = (route: Route) => Array.from({ length: 1_000 }, () => limits.allowsLookup(route, 0)).filter(Boolean);
  expect(asked(RELAY)).toHaveLength(DEFAULT_LIMITS.lookupsRelayed);
  expect(asked(direct({ host: '5.5.5.5', port: 1 }))).toHaveLength(DEFAULT_LIMITS.lookupsDirect);
});

test('sources without number are forgotten oldest first', () => {
  const limits = new KeyExchangeLimits({ ...DEFAULT_LIMITS, keyExchangeDirect: 1e9 });
  const many = from('127.0.0.1', (n) => n + 1, 5_000);
  expect(looked(limits, many)).toBe(5_000);
  const again = (port: number) =>
    looked(
      limits,
      from('127.0.0.1', () => port),
    );
  expect([again(1), again(5_000)]).toEqual([5, 4]);
});
