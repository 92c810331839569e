import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Bundle } from '../../../../support/collector.ts';
import { RemoteStore } from '../../../../support/remote-store.ts';
import { SmallDisk } from '../../../../support/small-disk.ts';
import { aSpan, traceIdOf } from '../../../../support/spans.ts';

let disk: SmallDisk;
let bundle: Bundle;
let ground: RemoteStore;
let next: number;
let acknowledged: number[];

beforeAll(async () => {
  bundle = await Bundle.make({ 'store-child': 'test/support/store-child.ts' });
});
afterAll(() => bundle.remove());

beforeEach(async () => {
  disk = await SmallDisk.open(256);
  ground = RemoteStore.start(disk.prefix, bundle.path('store-child'), `${disk.mount}/store`);
  next = 1;
  acknowledged = [];
});
afterEach(async () => {
  await ground.end();
  await disk.close();
});

/** One batch of a trace of its own, of about a megabyte that does not compress. Returns whether it was taken. */
async function send(): Promise<boolean> {
  const n = next++;
  const spans = Array.from({ length: 50 }, (_, index) =>
    aSpan(index + 1, undefined, { traceId: traceIdOf(n), status: { code: 0, message: noise(n * 1_000 + index) } }),
  );
  try {
    await ground.add(spans);
    acknowledged.push(n);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'store.unavailable' });
    return false;
  }
}

function noise(seed: number): string {
  let state = seed;
  return Array.from({ length: 3_000 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state.toString(36);
  }).join('');
}

async function expectAllThere(): Promise<void> {
  expect(await ground.count(acknowledged.map(traceIdOf))).toBe(50 * acknowledged.length);
}

test.each([
  ['by a checkpoint that has no room', 40e6],
  ['by a log that has no room', 1e6],
])(
  'a disk that is filled %s refuses batches, is read on, and takes batches again once there is room',
  async (_, leaving) => {
    await ground.open();
    for (let n = 0; n < 10; n++) expect(await send()).toBe(true);
    await disk.fill(leaving);
    let refused = 0;
    for (let n = 0; n < 200 && refused < 5; n++) {
      if (!(await send())) refused += 1;
      if (n % 10 === 0) await expectAllThere();
    }
    expect(refused).toBe(5);
    await expectAllThere();
    await disk.free();
    expect(await send()).toBe(true);
    await expectAllThere();
    await ground.open();
    await expectAllThere();
  },
);

test('a store that is opened on a full disk is read, and takes batches once there is room', async () => {
  await ground.open();
  for (let n = 0; n < 30; n++) await send();
  await ground.close();
  await disk.fill();
  await ground.open();
  await expectAllThere();
  expect(await send()).toBe(false);
  await disk.free();
  expect(await send()).toBe(true);
  await expectAllThere();
});

test('nothing is written while the disk has less room than what is kept free', async () => {
  await ground.open({ leastFreeBytes: 50e6 });
  expect(await send()).toBe(true);
  await disk.fill(45e6);
  await expect(ground.add([aSpan(999, undefined)])).rejects.toMatchObject({
    code: 'store.unavailable',
    message: expect.stringMatching(/4[45] MB left, and 50 MB are kept free/),
  });
  expect(await disk.freeBytes()).toBeGreaterThan(40e6);
  await disk.free();
  expect(await send()).toBe(true);
});

test('a checkpoint that runs out of memory costs nothing that was acknowledged, and nobody waits for a restart', async () => {
  await ground.open({}, '40MB');
  for (let n = 0; n < 60; n++) expect(await send()).toBe(true);
  expect(await ground.opened()).toBeGreaterThan(1);
  await ground.open();
  await expectAllThere();
});
