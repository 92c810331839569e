import { expect, test } from './app.fixture.ts';

const GROUPS = ['travel', 'finance', 'security', 'research'];
const SLOW = { timeout: 40_000 };

test.describe('the demo fleet', () => {
  test('is drawn whole, in its groups, with a beacon', async ({ fleet }) => {
    const { deck } = fleet;
    await deck.open('Graph');
    await expect(deck.graph.counts).toContainText('25 of 25 nodes', SLOW);
    for (const name of GROUPS) await expect(deck.graph.group(name)).toBeVisible();
    await expect(deck.graph.beacon()).toBeVisible();
    await expect(deck.status).toContainText('registry ok');
    await expect(deck.status).toContainText('beacons 1 of 1');
  });

  test('has a peer whose path is relayed: drawn through the beacon, told by both ends', async ({ fleet }) => {
    const { deck } = fleet;
    await deck.open('Graph');
    await expect(deck.graph.tunnelBetween('flightdeck', 'fare-watch')).toHaveAccessibleName(/relay through/, SLOW);
    await deck.graph.select('fare-watch');
    await expect(deck.inspector.getByRole('heading', { name: 'fare-watch' })).toBeVisible();
    await deck.inspector
      .getByRole('button', { name: /^Tunnel (flightdeck to fare-watch|fare-watch to flightdeck), relay/ })
      .click();
    await expect(deck.inspector).toContainText('Relayed through');
    await expect(deck.inspector).toContainText('AES-256-GCM');
    await deck.inspector.getByRole('button', { name: 'Ping fare-watch' }).click();
    await expect(deck.notice).toContainText(/fare-watch answered in .* ms, relay/);
  });

  test('takes the operator into a group, whose members all answer his ping', async ({ fleet }) => {
    const { deck } = fleet;
    await deck.open('Groups');
    await deck.groups.choose('finance');
    await deck.groups.act('finance', 'Join finance');
    await expect(deck.notice).toContainText('Joined finance.');
    await expect(deck.groups.pane('finance')).toContainText('7 members', SLOW);
    await deck.groups.act('finance', 'Ping all');
    await expect(deck.groups.verdict('finance')).toContainText('6 of 6 answered.', SLOW);

    await deck.open('Log');
    await expect(deck.page.getByRole('row', { name: /Join finance/ }).first()).toBeVisible();

    await deck.open('Groups');
    await deck.groups.act('finance', 'Leave finance');
    await deck.inspector.getByRole('button', { name: 'Leave finance' }).click();
    await expect(deck.notice).toContainText('Left finance.');
  });

  test('obeys the command palette', async ({ fleet }) => {
    const { deck } = fleet;
    await deck.command('Ping filings-1');
    await expect(deck.notice).toContainText(/filings-1 answered in/);
  });

  test('left nothing on the page that had to be refused or went wrong', async ({ fleet }) => {
    expect(fleet.complaints).toEqual([]);
  });
});
