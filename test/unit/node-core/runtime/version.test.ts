import { expect, test } from 'vitest';
import { VERSION } from '../../../../node-core/runtime/version.ts';
import packageJson from '../../../../package.json';

test('the program and its package agree on the version', () => {
  expect(VERSION).toBe(packageJson.version);
});
