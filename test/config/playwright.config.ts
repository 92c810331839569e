import { fileURLToPath } from 'node:url';
import { defineConfig } from '@playwright/test';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Real Electron and real Chromium, one at a time: each test brings a whole deck with its fleet. */
export default defineConfig({
  testDir: at('test/e2e'),
  outputDir: at('test-results/e2e'),
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: at('test-results/e2e.json') }]],
});
