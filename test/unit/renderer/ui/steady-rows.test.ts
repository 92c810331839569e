import { expect, test } from 'vitest';
import { steadyRows } from '../../../../renderer/ui/steady-rows.ts';

interface Row {
  readonly id: string;
  readonly spans: number;
}
const aRow = (id: string, spans = 1): Row => ({ id, spans });
const idOf = (row: Row): string => row.id;

test('rows keep their places and what is gone, take what changed, and leave new ones waiting', () => {
  const shown = [aRow('b'), aRow('a'), aRow('gone')];
  const latest = [aRow('new'), aRow('a', 7), aRow('b')];
  expect(steadyRows(shown, latest, idOf)).toEqual({ rows: [aRow('b'), aRow('a', 7), aRow('gone')], waiting: 1 });
});
