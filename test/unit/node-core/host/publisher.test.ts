import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Delivery, Publisher } from '../../../../node-core/host/publisher.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A window: takes what it is sent, confirms when told to, and keeps the picture it would draw. */
class Window {
  readonly deliveries: Delivery<string, number>[] = [];
  readonly picture = new Map<string, number>();
  readonly #abort = new AbortController();
  readonly #publisher: Publisher<string, number>;
  ended = false;

  constructor(publisher: Publisher<string, number>) {
    this.#publisher = publisher;
    void this.#read();
  }

  get last(): Delivery<string, number> | undefined {
    return this.deliveries.at(-1);
  }

  confirm(): void {
    if (this.last !== undefined) this.#publisher.confirm(this.last.feedId, this.last.revision);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(): Promise<void> {
    for await (const delivery of this.#publisher.watch(this.#abort.signal)) {
      this.deliveries.push(delivery);
      if (delivery.kind === 'snapshot') this.picture.clear();
      for (const [key, value] of delivery.changed) this.picture.set(key, value);
      for (const key of delivery.gone) this.picture.delete(key);
    }
    this.ended = true;
  }
}

const pass = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

describe('a feed', () => {
  test('starts with all there is, then says what changed and what is gone', async () => {
    const publisher = new Publisher<string, number>();
    publisher.set('a', 1);
    publisher.set('b', 2);
    const window = new Window(publisher);
    await pass(0);
    expect(window.last).toMatchObject({
      kind: 'snapshot',
      changed: [
        ['a', 1],
        ['b', 2],
      ],
      gone: [],
    });
    window.confirm();
    publisher.set('b', 3);
    publisher.delete('a');
    await pass(200);
    expect(window.last).toMatchObject({ kind: 'changes', changed: [['b', 3]], gone: ['a'] });
  });

  test('comes at most every 200 ms, with the last value of each key', async () => {
    const publisher = new Publisher<string, number>();
    const window = new Window(publisher);
    for (let ms = 0; ms < 1_000; ms++) {
      publisher.set('a', ms);
      window.confirm();
      await pass(1);
    }
    expect(window.deliveries.length).toBeLessThanOrEqual(6);
    expect(window.deliveries.length).toBeGreaterThanOrEqual(5);
    await pass(200);
    window.confirm();
    await pass(200);
    expect(window.picture.get('a')).toBe(999);
  });

  test('sends nothing more to a reader that does not confirm, and all it missed at once when it does', async () => {
    const publisher = new Publisher<string, number>();
    publisher.set('a', 0);
    const window = new Window(publisher);
    await pass(0);
    for (let i = 1; i <= 5_000; i++) publisher.set(`k${i % 3}`, i);
    await pass(60_000);
    expect(window.deliveries).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
    publisher.confirm(window.last?.feedId ?? '', 12_345); // not what it was sent
    await pass(1_000);
    expect(window.deliveries).toHaveLength(1);
    window.confirm();
    await pass(200);
    expect(Object.fromEntries(window.last?.changed ?? [])).toEqual({ k0: 4_998, k1: 4_999, k2: 5_000 });
  });

  test('sends nothing while nothing changes', async () => {
    const publisher = new Publisher<string, number>();
    publisher.set('a', 1);
    const window = new Window(publisher);
    await pass(0);
    window.confirm();
    publisher.set('a', 1);
    publisher.delete('never there');
    await pass(5_000);
    expect(window.deliveries).toHaveLength(1);
  });

  test('begins again with a snapshot when more is gone than is remembered', async () => {
    const publisher = new Publisher<string, number>({ mostRemovals: 10 });
    for (let i = 0; i < 20; i++) publisher.set(`k${i}`, i);
    const window = new Window(publisher);
    await pass(0);
    for (let i = 0; i < 15; i++) publisher.delete(`k${i}`);
    window.confirm();
    await pass(200);
    expect(window.last?.kind).toBe('snapshot');
    expect([...window.picture.keys()]).toEqual(['k15', 'k16', 'k17', 'k18', 'k19']);
  });

  test('ends while it waits for a confirmation, for a change, or for its turn', async () => {
    const publisher = new Publisher<string, number>();
    const windows = [new Window(publisher), new Window(publisher), new Window(publisher)];
    await pass(0);
    windows[1]?.confirm();
    publisher.set('a', 1);
    windows[2]?.confirm();
    await pass(10);
    for (const window of windows) window.close();
    await pass(0);
    expect(windows.map((window) => window.ended)).toEqual([true, true, true]);
    expect(publisher.readers).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is refused to more readers than it can serve', async () => {
    const publisher = new Publisher<string, number>({ mostReaders: 1 });
    const first = new Window(publisher);
    await pass(0);
    await expect(publisher.watch(new AbortController().signal).next()).rejects.toMatchObject({ code: 'queue.full' });
    first.close();
    await pass(0);
    expect(publisher.readers).toBe(0);
  });
});

test('every window ends with the same picture, however it was paced', async () => {
  const act = fc.oneof(
    fc.record({ set: fc.constantFrom('a', 'b', 'c', 'd'), value: fc.integer() }),
    fc.record({ remove: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ confirm: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ wait: fc.integer({ min: 1, max: 300 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60 }), async (acts) => {
      const publisher = new Publisher<string, number>({ mostRemovals: 2 });
      const truth = new Map<string, number>();
      const windows = [new Window(publisher), new Window(publisher), new Window(publisher)];
      for (const step of acts) {
        if ('set' in step) {
          publisher.set(step.set, step.value);
          truth.set(step.set, step.value);
        } else if ('remove' in step) {
          publisher.delete(step.remove);
          truth.delete(step.remove);
        } else if ('confirm' in step) windows[step.confirm]?.confirm();
        else await pass(step.wait);
      }
      for (let round = 0; round < 2; round++) {
        for (const window of windows) window.confirm();
        await pass(500);
      }
      for (const window of windows) {
        expect(new Map([...window.picture].sort())).toEqual(new Map([...truth].sort()));
        window.close();
      }
      await pass(0);
    }),
    { numRuns: 60 },
  );
});
