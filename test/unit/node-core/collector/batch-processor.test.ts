import { describe, expect, test, vi } from 'vitest';
import { type Batch, BatchProcessor } from '../../../../node-core/collector/batch-processor.ts';
import { aSpan } from '../../../support/spans.ts';

const batch = (...ids: number[]): Batch => ({
  spans: ids.map((id) => aSpan(id, undefined)),
  logs: [],
  bytes: 100 * ids.length,
});
const namesOf = ({ spans }: Batch): string[] => spans.map(({ name }) => name);

function processor(
  write: (batch: Batch) => Promise<void>,
  limits: { mostWaiting?: number; mostOfOneWrite?: number; mostBytesOfOneWrite?: number } = {},
) {
  return new BatchProcessor({
    write,
    gatherMs: 5,
    mostWaiting: 100,
    mostOfOneWrite: 100,
    mostBytesOfOneWrite: 1e6,
    ...limits,
  });
}

describe('a batch processor', () => {
  test('gathers what comes together into one write, and says so to each sender after it', async () => {
    const written: string[][] = [];
    let finish = (): void => {};
    const open = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const batches = processor(async (given) => {
      written.push(namesOf(given));
      await open;
    });
    const acknowledged: number[] = [];
    const senders = [batch(1), batch(2, 3), batch()].map((given, n) =>
      batches.add(given).then((kept) => kept && acknowledged.push(n)),
    );
    await vi.waitFor(() => expect(written).toEqual([['span 1', 'span 2', 'span 3']]));
    expect(acknowledged).toEqual([2]); // an empty batch waits for nothing
    finish();
    await Promise.all(senders);
    expect(acknowledged.sort()).toEqual([0, 1, 2]);
  });

  test('writes one after another, in the order of arrival', async () => {
    let atOnce = 0;
    const written: string[] = [];
    const batches = processor(
      async (given) => {
        atOnce += 1;
        expect(atOnce).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, 2));
        written.push(...namesOf(given));
        atOnce -= 1;
      },
      { mostOfOneWrite: 2 },
    );
    await Promise.all([batches.add(batch(1, 2, 3)), batches.add(batch(4, 5))]);
    await batches.add(batch(6));
    expect(written).toEqual([1, 2, 3, 4, 5, 6].map((n) => `span ${n}`));
  });

  test('one write has no more bytes than it may; a batch that has more is written in pieces', async () => {
    const written: string[][] = [];
    const write = async (given: Batch) => void written.push(namesOf(given));
    const batches = processor(write, { mostBytesOfOneWrite: 250 });
    await Promise.all([batch(1), batch(2), batch(3), batch(4, 5, 6), batch(7)].map((given) => batches.add(given)));
    const names = (...ids: number[]) => ids.map((id) => `span ${id}`);
    expect(written).toEqual([names(1, 2), names(3), names(4, 5), names(6), names(7)]);
  });

  test('refuses what does not fit, and takes it later', async () => {
    const batches = processor(async () => {}, { mostWaiting: 3 });
    const first = batches.add(batch(1, 2));
    expect(await batches.add(batch(3, 4))).toBe(false);
    expect(await first).toBe(true);
    expect(await batches.add(batch(3, 4))).toBe(true);
  });

  test('tells every sender of a write that failed, and goes on', async () => {
    const failure = new Error('the disk is full');
    const writes = [() => Promise.reject(failure), async () => {}];
    const batches = processor(() => writes.shift()?.() ?? Promise.resolve());
    const outcomes = await Promise.allSettled([batches.add(batch(1)), batches.add(batch(2))]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    expect(await batches.add(batch(1))).toBe(true);
  });

  test('is drained when all it took in is written', async () => {
    const written: string[] = [];
    const batches = processor(async (given) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      written.push(...namesOf(given));
    });
    void batches.add(batch(1));
    setTimeout(() => void batches.add(batch(2)), 7); // while the first is being written
    await new Promise((resolve) => setTimeout(resolve, 8));
    await batches.drained();
    expect(written).toEqual(['span 1', 'span 2']);
  });
});
