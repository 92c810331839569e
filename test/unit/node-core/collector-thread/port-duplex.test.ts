import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { PortDuplex } from '../../../../node-core/collector-thread/port-duplex.ts';

function pair(): [PortDuplex, PortDuplex] {
  const { port1, port2 } = new MessageChannel();
  return [new PortDuplex(port1), new PortDuplex(port2)];
}

/** All a stream gives until its end; the other direction stays open. */
async function textOf(stream: PortDuplex): Promise<string> {
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(stream, 'end');
  return text;
}

test('bytes arrive in order in both directions, and each side ends by itself', async () => {
  const [near, far] = pair();
  const there = textOf(far);
  for (let n = 0; n < 500; n++) near.write(Buffer.from(`${n},`));
  near.end('last');
  expect(await there).toBe(`${Array.from({ length: 500 }, (_, n) => `${n},`).join('')}last`);
  const back = textOf(near);
  far.end('and back');
  expect(await back).toBe('and back');
});

test('a reader that does not read holds the writer', async () => {
  const [near, far] = pair();
  const piece = Buffer.alloc(16_384);
  let taken = 0;
  for (let n = 0; n < 100; n++) near.write(piece, () => (taken += 1));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(taken).toBeLessThan(10);
  far.resume();
  near.end();
  await once(far, 'end');
  expect(taken).toBe(100);
});

test('an end that breaks off breaks the other; one that leaves closes it', async () => {
  const [near, far] = pair();
  const failed = once(far, 'error');
  near.on('error', () => {});
  near.destroy(new Error('reset'));
  expect((await failed)[0]).toBeInstanceOf(Error);

  const [here, there] = pair();
  const closed = once(there, 'close');
  here.destroy();
  await closed;
  expect(there.destroyed).toBe(true);
});
