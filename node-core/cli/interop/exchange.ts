import { concatBytes, equalBytes } from '../../base/bytes.ts';
import type { OverlayDuplex } from '../../runtime/overlay-duplex.ts';
import type { OpenStream, RunningNode } from '../../runtime/running-node.ts';
import { type DataFrame, DataFrameDecoder, encodeDataFrame } from '../../wire/data-exchange.ts';
import { PORT } from '../../wire/packet.ts';
import { expect } from './interop-case.ts';

/** Opens a stream. Its end, whatever the reason, is for whoever reads it. */
export async function dial(node: RunningNode, nodeId: number, port: number): Promise<OpenStream> {
  const stream = await node.dial({ nodeId, groupId: 0, port });
  stream.duplex.on('error', () => {});
  return stream;
}

/** Reads so many bytes; rejects when the stream ends before. */
export function readBytes(duplex: OverlayDuplex, length: number, timeoutMs = 30_000): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let received = 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error(`${received} of ${length} bytes in ${timeoutMs} ms`)), timeoutMs);
    const onData = (chunk: Uint8Array) => {
      chunks.push(chunk);
      received += chunk.length;
      if (received >= length) finish();
    };
    const onEnd = () => finish(new Error(`the stream ended after ${received} of ${length} bytes`));
    const finish = (error?: Error) => {
      clearTimeout(timer);
      duplex.off('data', onData).off('close', onEnd).off('end', onEnd).off('error', finish).pause();
      if (error === undefined) resolve(concatBytes(...chunks));
      else reject(error);
    };
    duplex.on('data', onData).on('close', onEnd).on('end', onEnd).on('error', finish).resume();
  });
}

/** Sends bytes to an echo and expects exactly them. */
export async function expectEcho(duplex: OverlayDuplex, bytes: Uint8Array): Promise<void> {
  const answer = readBytes(duplex, bytes.length);
  duplex.write(bytes);
  const got = await answer;
  expect(equalBytes(got, bytes), `the echo of ${bytes.length} bytes is ${got.length} other bytes`);
}

/** Sends one frame to a peer's data exchange and returns the text of the answer. */
export async function sendFrame(node: RunningNode, nodeId: number, frame: DataFrame): Promise<string> {
  const { duplex } = await dial(node, nodeId, PORT.dataExchange);
  const decoder = new DataFrameDecoder();
  duplex.write(encodeDataFrame(frame));
  for await (const chunk of duplex) {
    decoder.push(chunk as Uint8Array);
    const answer = decoder.next();
    if (answer === undefined) continue;
    duplex.end();
    return new TextDecoder().decode(answer.payload);
  }
  throw new Error('the data exchange ended without an answer');
}
