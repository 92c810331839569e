import { expect, test } from './app.fixture.ts';

test('opens one painted window whose page is sandboxed and obeys the content policy', async ({ app }) => {
  const { page: window, electron, complaints } = app;
  await expect(window).toHaveTitle('Flightdeck');
  await expect(window.getByRole('main')).toBeAttached();
  expect(new URL(window.url()).protocol).toBe('app:');

  const windows = () =>
    electron.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows().map((each) => {
        // not in Electron's types, and the only way to see what is in force rather than what was asked for
        const contents = each.webContents as unknown as { getLastWebPreferences(): Electron.WebPreferences };
        const { sandbox, contextIsolation, nodeIntegration } = contents.getLastWebPreferences();
        return { visible: each.isVisible(), sandbox, contextIsolation, nodeIntegration };
      }),
    );
  const wanted = [{ visible: true, sandbox: true, contextIsolation: true, nodeIntegration: false }];
  await expect.poll(windows).toEqual(wanted);

  const inPage = await window.evaluate(async () => {
    const response = await fetch(location.href);
    const names = ['require', 'process', 'electron', 'ipcRenderer', 'module'].filter((name) => name in globalThis);
    return { policy: response.headers.get('content-security-policy'), names };
  });
  expect(inPage.policy).toContain("default-src 'self'");
  expect(inPage.names).toEqual([]);
  expect(complaints).toEqual([]);
});

test('runs no foreign script, opens no foreign page and leaves its origin on no request', async ({ app }) => {
  const { page: window, electron } = app;
  const refused = await window.evaluate(async () => {
    const violations: string[] = [];
    document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective));
    const inline = document.createElement('script');
    inline.textContent = 'globalThis.injected = true';
    document.body.append(inline);
    const fetched = await fetch('http://127.0.0.1:9/').then(
      () => 'fetched',
      () => 'refused',
    );
    const opened = globalThis.open('https://example.com/') === null;
    const permission = await Notification.requestPermission();
    location.href = 'http://127.0.0.1:9/';
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { violations, injected: 'injected' in globalThis, fetched, opened, permission };
  });
  expect(refused.injected).toBe(false);
  expect(refused.violations).toEqual(expect.arrayContaining(['script-src-elem', 'connect-src']));
  expect(refused.fetched).toBe('refused');
  expect(refused.opened).toBe(true);
  expect(refused.permission).toBe('denied');
  expect(new URL(window.url()).protocol).toBe('app:');
  expect(electron.windows()).toHaveLength(1);
});

test('serves its own pages only', async ({ app }) => {
  const statuses = await app.page.evaluate(async () => {
    const paths = ['/index.html', '/..%2f..%2fpackage.json', '/../package.json', '/%E0%A4', '/missing.js'];
    return Promise.all(paths.map(async (path) => (await fetch(path)).status));
  });
  expect(statuses).toEqual([200, 404, 404, 404, 404]);
});
