import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FlightdeckProcess } from '../support/flightdeck-process.ts';

/** A title for the terminal, a cleared screen, a line of its own, a direction override; the C1 form too. */
const STRANGE = '\u001b]0;owned\u0007\u001b[2J\nroot# \u202e\u009b31m';
/** What no terminal may get, but for the ends of our own lines. */
const ACTS = /(?!\n)[\p{Cc}\p{Cf}]/u;
const TRACE_ID = '5b'.repeat(16);

let folder: string;
let deck: FlightdeckProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flightdeck-terminal-'));
});
afterEach(async () => {
  await deck?.end('SIGTERM');
  await rm(folder, { recursive: true, force: true });
});

/** One failed span of a stranger, whose every word is strange. */
function strangeExport(): string {
  const nano = BigInt(Date.now()) * 1_000_000n;
  const span = {
    traceId: TRACE_ID,
    spanId: '0102030405060708',
    name: `work${STRANGE}`,
    kind: 1,
    startTimeUnixNano: String(nano),
    endTimeUnixNano: String(nano + 5_000_000n),
    status: { code: 2, message: `failed${STRANGE}` },
  };
  const attributes = [{ key: 'service.name', value: { stringValue: `agent${STRANGE}` } }];
  return JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans: [span] }] }] });
}

test('nothing that a stranger named acts on the terminal that shows it', async () => {
  const anyPort = ['--http', '127.0.0.1:0', '--otlp-http', '127.0.0.1:0'];
  deck = await FlightdeckProcess.start(['serve', '--no-fleet', '--data', folder, ...anyPort]);
  const headers = { 'content-type': 'application/json' };
  const sent = { method: 'POST', headers, body: strangeExport() };
  expect((await fetch(`http://${deck.ready.otlpHttp}/v1/traces`, sent)).status).toBe(200);
  const show = (...more: string[]) => FlightdeckProcess.run(['trace', 'show', TRACE_ID, '--data', folder, ...more]);

  const shown = await vi.waitFor(async () => {
    const result = await show();
    expect(result.status).toBe(0);
    return result;
  }, 20_000);
  expect(shown.out).not.toMatch(ACTS);
  expect(shown.out.trimEnd().split('\n')).toHaveLength(2);
  expect(shown.out).toContain('agent\\u001b]0;owned\\u0007\\u001b[2J\\u000aroot# \\u202e\\u009b31m  work');

  const { out } = await show('--otlp');
  expect(out).not.toMatch(ACTS);
  expect(JSON.parse(out).resourceSpans[0].scopeSpans[0].spans[0].name).toBe(`work${STRANGE}`);

  const refused = await FlightdeckProcess.run(['ping', STRANGE, '--data', folder]);
  expect(refused.status).toBe(1);
  expect(refused.log).not.toMatch(ACTS);
});
