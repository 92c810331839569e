import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { joinTrace } from '../../node-core/contract/trace-parts.ts';
import { readDeckFile } from '../../node-core/host/deck-file.ts';
import { connectWhenReady } from '../support/deck-connection.ts';
import { expect, test } from './app.fixture.ts';
import { runCommand } from './launch.ts';
import { type ReadSpan, readOtlpJson } from './otlp-reader.ts';
import { sendSpans } from './otlp-sender.ts';

const TITLE = 'Issuers with a 10-K';
const SLOW = { timeout: 60_000 };

/** What the page saves: through the browser's download, or into the folder that the app was given. */
async function savedFile(
  fleet: { readonly page: import('@playwright/test').Page; readonly downloads: string },
  surface: 'window' | 'browser',
  save: () => Promise<void>,
): Promise<string> {
  if (surface === 'browser') {
    const [download] = await Promise.all([fleet.page.waitForEvent('download'), save()]);
    return readFile(await download.path(), 'utf8');
  }
  await save();
  const name = async () => (await readdir(fleet.downloads)).find((each) => each.endsWith('.otlp.json')) ?? '';
  await expect.poll(name).not.toBe('');
  return readFile(join(fleet.downloads, await name()), 'utf8');
}

const rolesByFlow = (spans: readonly ReadSpan[]): Map<string, Set<string>> => {
  const flows = new Map<string, Set<string>>();
  for (const { attributes } of spans) {
    const flow = attributes.get('pilot.flow.id');
    if (flow === undefined) continue;
    flows.set(flow, (flows.get(flow) ?? new Set()).add(attributes.get('pilot.flow.role') ?? ''));
  }
  return flows;
};

test('a query across agents is one trace with both ends of its streams, and its export reads elsewhere', async ({
  fleet,
  surface,
}) => {
  const { deck } = fleet;
  await deck.open('Traces');
  await deck.traces.search(TITLE);
  await deck.traces.rows(TITLE, 4).first().click(SLOW);
  await expect(deck.traces.open).toContainText(/\d+ of \d+ spans, [4-9] agents/);
  const joined = deck.traces.spans(/pilot\.stream, desk-1 to /).first();
  await deck.selectFlow(joined);

  const text = await savedFile(fleet, surface, () => deck.traces.save('joined'));
  const spans = await readOtlpJson(text);
  expect(new Set(spans.map((span) => span.traceId)).size).toBe(1);
  expect(new Set(spans.map((span) => span.service)).size).toBeGreaterThanOrEqual(4);
  const whole = [...rolesByFlow(spans).values()].filter((roles) => roles.has('dialler') && roles.has('acceptor'));
  expect(whole.length).toBeGreaterThan(0);
});

test('a click selects its span though spans that belong above it arrive while the button is down', async ({
  fleet,
}) => {
  const { deck, page } = fleet;
  const { otlpHttp } = await readDeckFile(fleet.dataFolder);
  const startMs = Date.now() - 1_000;
  const send = (name: string, from: number, to: number) => {
    const ids = { traceId, spanId: randomBytes(8).toString('hex'), name };
    return sendSpans(otlpHttp, 'outside', [{ ...ids, startMs: startMs + from, endMs: startMs + to }]);
  };
  const traceId = randomBytes(16).toString('hex');
  await send('first step', 0, 500);
  await send('last step', 400, 500);
  await deck.open('Traces');
  await deck.traces.search('step');
  await deck.traces.rows('step').first().click(SLOW);
  const last = deck.traces.spans(/^last step, /);

  await last.hover(SLOW);
  await page.mouse.down();
  for (const from of [100, 200, 300]) await send('step between', from, from + 50);
  await expect(deck.traces.newSpans).toHaveText('Show 3 new spans', SLOW);
  await page.mouse.up();
  await expect(deck.inspector).toContainText('last step');
  await expect(deck.traces.spans(/./)).toHaveCount(2);

  await deck.traces.newSpans.click();
  await expect(deck.traces.spans(/./)).toHaveCount(5);
  await expect(last).toHaveAttribute('aria-selected', 'true');
  await deck.traces.search('');
});

test('the command line shows the same trace, with the ids each node gave', async ({ fleet }) => {
  const connection = await connectWhenReady(fleet.dataFolder, 10_000);
  const { traces } = await connection.client.trace.search({ text: TITLE, limit: 5 });
  connection.close();
  const [trace] = traces;
  expect(trace).toBeDefined();
  const spans = await readOtlpJson(
    await runCommand(fleet.dataFolder, ['trace', 'show', trace?.traceId ?? '', '--otlp']),
  );
  expect(spans.length).toBeGreaterThan(0);
});

test('without context in any message, streams are joined by flow id alone', async ({ fleet }) => {
  await runCommand(fleet.dataFolder, ['fleet', 'context', 'off']);
  const since = Date.now();
  const connection = await connectWhenReady(fleet.dataFolder, 10_000);
  const joinedSince = async () => {
    const { traces } = await connection.client.trace.search({ text: TITLE, fromMs: since + 1_000, limit: 20 });
    for (const { traceId } of traces) {
      const trace = await joinTrace(await connection.client.trace.get({ traceId }));
      const ends = trace.spans.filter((span) => span.flow?.joined === true && span.name === 'pilot.stream');
      const dialler = ends.find((span) => span.flow?.role === 'dialler');
      const acceptor = ends.find((end) => end.flow?.role === 'acceptor' && end.flow.flowId === dialler?.flow?.flowId);
      if (dialler !== undefined && acceptor !== undefined) return { trace, dialler, acceptor };
    }
    return undefined;
  };
  await expect.poll(joinedSince, SLOW).toBeDefined();
  const found = await joinedSince();
  expect(found?.dialler.traceId).not.toBe(found?.acceptor.traceId);
  expect(found?.trace.rawTraceIds).toEqual(expect.arrayContaining([found?.dialler.traceId, found?.acceptor.traceId]));
  await runCommand(fleet.dataFolder, ['fleet', 'context', 'on']);
  connection.close();
});

test('the agent whose clock is ahead is shown so, within a bound that holds its true offset', async ({ fleet }) => {
  const { deck } = fleet;
  const connection = await connectWhenReady(fleet.dataFolder, 10_000);
  const clockOf = async (hostname: string) => {
    const updates = await connection.client.graph.watch();
    for await (const { agents } of updates) return agents.find((agent) => agent.hostname === hostname)?.clock;
    return undefined;
  };
  await expect.poll(async () => (await clockOf('ct-watch'))?.boundMs, SLOW).toBeLessThan(50);
  const clock = await clockOf('ct-watch');
  connection.close();
  expect(Math.abs((clock?.offsetMs ?? 0) - 3_000)).toBeLessThanOrEqual(clock?.boundMs ?? 0);

  await deck.open('Graph');
  await deck.graph.select('ct-watch');
  await expect(deck.inspector).toContainText(/\+(3\.0|2\.9)\d* s/);
});
