import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What is the same in the app's window and in a browser is tested in both. */
const BOTH_SURFACES = /(fleet|traces)\.spec\.ts$/;

/** Real Electron and real Chromium, one deck at a time: each brings a whole fleet. */
export default defineConfig<object, { surface: 'window' | 'browser' }>({
  testDir: at('test/e2e'),
  outputDir: at('test-results/e2e'),
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: at('test-results/e2e.json') }]],
  projects: [
    { name: 'window', use: { surface: 'window' } },
    { name: 'browser', use: { surface: 'browser' }, testMatch: BOTH_SURFACES },
  ],
});
