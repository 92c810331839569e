import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { equalBytes, utf8 } from '../../base/bytes.ts';
import { DATA_TYPE, encodeTaggedData } from '../../wire/data-exchange.ts';
import { type InteropBench, noise } from './bench.ts';
import { sendFrame } from './exchange.ts';
import { expect, expectEqual, type InteropCase } from './interop-case.ts';
import { until } from './until.ts';

export const MESSAGE_CASES: readonly InteropCase[] = [
  { name: 'message: text, JSON and binary of stock, tagged, arrive here once', run: receives },
  { name: 'message: 1 MiB of stock arrives here byte for byte', run: receivesMuch },
  { name: 'message: stock acknowledges our text, JSON and binary, and keeps them', run: sends },
  { name: 'message: stock knows a repeated message id of ours', run: repeats },
  { name: 'message: stock keeps 1 MiB of ours byte for byte', run: sendsMuch },
];

const SAMPLES = [
  { kind: 'text', label: 'TEXT', data: 'Grüße' },
  { kind: 'json', label: 'JSON', data: '{"answer":42}' },
  { kind: 'binary', label: 'BINARY', data: 'abc' },
] as const;

async function receives(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, messages } = await bench.ours();
  for (const { kind, label, data } of SAMPLES) {
    const before = messages.length;
    const reply = await stock.ask('send-message', node.address, '--data', data, '--type', kind);
    expectEqual(reply.ack, `ACK ${label} ${utf8(data).length} bytes`, 'our answer');
    expectEqual(reply.tagged, true, 'tagged');
    const got = messages.slice(before);
    const seen = got.map((message) => [message.kind, new TextDecoder().decode(message.payload), message.messageId]);
    expectEqual(seen, [[kind, data, reply.message_id]], 'what arrived');
  }
  return undefined;
}

async function receivesMuch(bench: InteropBench) {
  const stock = await bench.stock();
  const { node, messages } = await bench.ours();
  const bytes = noise(1_048_576);
  const file = join(bench.folder, 'message');
  await writeFile(file, bytes);
  await stock.ask('send-message', node.address, '--data-file', file, '--type', 'binary');
  const last = messages.at(-1);
  expect(last !== undefined && equalBytes(last.payload, bytes), `${last?.payload.length} other bytes arrived`);
  return undefined;
}

async function sends(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  await stock.ask('inbox', '--clear');
  for (const { kind, label, data } of SAMPLES) {
    const payload = utf8(data);
    const answer = await sendFrame(node, stock.nodeId, { type: DATA_TYPE[kind], fileName: '', payload });
    expectEqual(answer, `ACK ${label} ${payload.length} bytes`, 'the answer of stock');
  }
  const kept = await inbox(bench, SAMPLES.length);
  expectEqual(kept.map(textOf).sort(), SAMPLES.map(({ data }) => data).sort(), 'the inbox of stock');
  return undefined;
}

async function repeats(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  await stock.ask('inbox', '--clear');
  const tagged = { messageId: randomUUID(), replyTo: undefined, innerType: DATA_TYPE.text, innerPayload: utf8('once') };
  const frame = { type: DATA_TYPE.tagged, fileName: '', payload: encodeTaggedData(tagged) };
  const answers = [await sendFrame(node, stock.nodeId, frame), await sendFrame(node, stock.nodeId, frame)];
  expectEqual(answers, ['ACK TEXT 4 bytes', 'ACK TEXT 4 bytes (duplicate)'], 'the answers of stock');
  const kept = await inbox(bench, 1);
  expectEqual(
    kept.map((message) => message.message_id),
    [tagged.messageId],
    'the inbox of stock',
  );
  return undefined;
}

async function sendsMuch(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  await stock.ask('inbox', '--clear');
  const text = Buffer.from(noise(524_288)).toString('hex');
  const answer = await sendFrame(node, stock.nodeId, { type: DATA_TYPE.text, fileName: '', payload: utf8(text) });
  expectEqual(answer, `ACK TEXT ${text.length} bytes`, 'the answer of stock');
  const [kept] = await inbox(bench, 1);
  expect(kept?.data === text, `the inbox of stock has ${kept?.data?.length} other bytes`);
  return undefined;
}

interface Kept {
  readonly data?: string;
  /** Of a binary message, in place of `data`. */
  readonly data_b64?: string;
  readonly preview?: string;
  readonly id: string;
  readonly message_id?: string;
}

function textOf({ data, data_b64 }: Kept): string | undefined {
  return data_b64 === undefined ? data : Buffer.from(data_b64, 'base64').toString();
}

/** The messages that stock keeps, whole. */
async function inbox(bench: InteropBench, count: number): Promise<Kept[]> {
  const stock = await bench.stock();
  const list = await until('the inbox of stock', async () => {
    const { messages } = await stock.ask('inbox');
    return Array.isArray(messages) && messages.length >= count ? (messages as Kept[]) : undefined;
  });
  return Promise.all(
    list.map(async ({ id }) => {
      const whole = await stock.ask('inbox', 'read', id);
      return whole as unknown as Kept;
    }),
  );
}
