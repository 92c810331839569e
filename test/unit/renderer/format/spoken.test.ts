import { expect, test } from 'vitest';
import { spoken } from '../../../../renderer/format/spoken.ts';

test('speaks units and nothing else', () => {
  expect(spoken('17 min 33 s')).toBe('17 minutes 33 seconds');
  expect(spoken('1.2 MB')).toBe('1.2 megabytes');
});
