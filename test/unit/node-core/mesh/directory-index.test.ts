import { expect, test } from 'vitest';
import { directoryPage } from '../../../../node-core/contract/graph.ts';
import { DirectoryIndex, type DirectoryNode } from '../../../../node-core/mesh/directory-index.ts';

const node = (nodeId: number, hostname: string, tags: readonly string[] = []): DirectoryNode => ({
  nodeId,
  hostname,
  groupIds: [],
  tags,
});

test('a listing says only what is new, different or gone', () => {
  const index = new DirectoryIndex();
  expect(index.replace([node(1, 'desk'), node(2, 'filings'), node(3, 'fx')])).toEqual([1, 2, 3]);
  expect(index.replace([node(1, 'desk'), node(2, 'filings'), node(3, 'fx')])).toEqual([]);
  expect(index.replace([node(1, 'desk'), node(2, 'filings-2'), node(4, 'audit')])).toEqual([2, 4, 3]);
  expect([index.size, index.has(3), index.get(2)?.hostname]).toEqual([3, false, 'filings-2']);
});

test('is read page by page, in the order of ids, by name, tag or id', () => {
  const index = new DirectoryIndex();
  index.replace(Array.from({ length: 5_000 }, (_, n) => node(5_000 - n, `agent-${5_000 - n}`, n < 2 ? ['FX'] : [])));
  expect(directoryPage.parse(index.page({ limit: 9 }))).toEqual(index.page({ limit: 9 }));
  expect(index.page({ limit: 2 })).toMatchObject({ matched: 5_000, nodes: [{ nodeId: 1 }, { nodeId: 2 }] });
  expect(index.page({ limit: 2, offset: 4_999 }).nodes.map(({ nodeId }) => nodeId)).toEqual([5_000]);
  expect(index.page({ text: 'AGENT-499', limit: 100 }).matched).toBe(11);
  expect(index.page({ text: ' fx ', limit: 100 }).nodes.map(({ nodeId }) => nodeId)).toEqual([4_999, 5_000]);
  expect(index.page({ text: '77', limit: 1 }).nodes[0]?.nodeId).toBe(77);
});
