import { expect, test } from 'vitest';
import { RequestGuard } from '../../../../node-core/rendezvous/request-guard.ts';

const at = (host: string) => ({ host, port: 50_000 });
const SIGNED = { type: 'heartbeat', node_id: 1, signature: 'x' };

function admitted(guard: RequestGuard, host: string, times: number, nowMs = 0): number {
  let count = 0;
  for (let time = 0; time < times; time++) {
    try {
      guard.admit(SIGNED, at(host), 'clear', nowMs);
      count += 1;
    } catch (error) {
      expect(error).toMatchObject({ code: 'rate-limited' });
    }
  }
  return count;
}

test('signatures are checked within one budget over all connections, of which one address gets its part', () => {
  const guard = new RequestGuard({ checksPerSecond: 100, checksPerSecondOfSource: 60 }, 0);
  expect(admitted(guard, '192.0.2.1', 1_000)).toBe(120);
  expect(admitted(guard, '192.0.2.2', 1_000)).toBe(80);
  expect(admitted(guard, '192.0.2.3', 10)).toBe(0);
  expect(admitted(guard, '192.0.2.3', 1_000, 500)).toBe(50);
});

test('what is not signed costs no check', () => {
  const guard = new RequestGuard({ checksPerSecond: 1, checksPerSecondOfSource: 1 }, 0);
  for (let time = 0; time < 100; time++) guard.admit({ type: 'lookup', node_id: 1 }, at('192.0.2.1'), 'clear', 0);
});

test.each([
  ['192.0.2.1', 'clear', false],
  ['2001:db8::1', 'clear', false],
  ['192.0.2.1', 'tls', true],
  ['127.0.0.1', 'clear', true],
  ['::1', 'clear', true],
] as const)('the admin token from %s in %s: taken %s', (host, way, taken) => {
  const guard = new RequestGuard({ checksPerSecond: 1, checksPerSecondOfSource: 1 }, 0);
  const admit = () => guard.admit({ type: 'list_nodes', admin_token: 'adm' }, at(host), way, 0);
  if (taken) expect(admit).not.toThrow();
  else expect(admit).toThrow('cannot take the admin token in clear: it comes over TLS or from this machine');
});
