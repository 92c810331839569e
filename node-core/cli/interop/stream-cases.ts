import { setTimeout as sleep } from 'node:timers/promises';
import type { Service, ServiceStream } from '../../node/service.ts';
import type { Connection } from '../../stream/connection.ts';
import { PORT } from '../../wire/packet.ts';
import { type InteropBench, noise, type OurNode } from './bench.ts';
import { dial, expectEcho } from './exchange.ts';
import { expect, type InteropCase, timed } from './interop-case.ts';
import type { StockDaemon } from './stock-daemon.ts';
import { until } from './until.ts';

export const STREAM_CASES: readonly InteropCase[] = [
  { name: 'close: we close first', run: weClose },
  { name: 'close: we close first and our FIN is lost', run: weCloseWithLoss },
  { name: 'close: stock closes first', run: stockCloses },
  { name: 'close: stock closes first and its FIN is lost', run: stockClosesWithLoss },
  { name: 'close: stock ends with everything it wrote delivered to us', run: stockWritesAndCloses },
  { name: 'close: a port of stock where nobody listens refuses', run: refusedByStock },
  { name: 'close: a port of ours where nobody listens refuses', run: refusedByOurs },
  { name: 'window: our reader pauses, stock stops and goes on', run: ourReaderPauses },
  { name: "window: stock's reader pauses, we stop and go on", run: stockReaderPauses },
];

const PAUSE_MS = 4_000;
const KEEPALIVE_MS = 500;
const MEGABYTE = 1_048_576;

async function weClose(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.ours();
  const { duplex } = await dial(ours.node, stock.nodeId, PORT.echo);
  const port = portOf(newest(ours, stock));
  await expectEcho(duplex, noise(65_536));
  const { ms } = await timed(async () => {
    duplex.resume().end();
    await goneAtOurs(ours, stock, port);
    await goneAtStock(stock, port);
  });
  return `gone at both ends after ${ms.toFixed(0)} ms`;
}

async function weCloseWithLoss(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.ours();
  const { duplex } = await dial(ours.node, stock.nodeId, PORT.echo);
  const port = portOf(newest(ours, stock));
  await expectEcho(duplex, noise(1_000));
  await sleep(200); // all is acknowledged: the next datagram is the FIN
  let lost = 0;
  ours.socket.copies = ({ direction }) => (direction === 'out' && lost++ === 0 ? 0 : 1);
  try {
    const { ms } = await timed(async () => {
      duplex.resume().end();
      await goneAtOurs(ours, stock, port);
      await goneAtStock(stock, port);
    });
    expect(lost > 1, 'nothing was sent after the loss');
    return `gone at both ends after ${ms.toFixed(0)} ms`;
  } finally {
    ours.socket.copies = () => 1;
  }
}

async function stockCloses(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.ours();
  const client = await stock.connect();
  try {
    const stream = await client.dial(ours.node.nodeId, PORT.echo);
    const bytes = noise(10_000);
    client.send(stream, bytes);
    await until('our echo', () => stream.received === bytes.length);
    const port = portOf(newest(ours, stock));
    const { ms } = await timed(async () => {
      client.close(stream);
      await goneAtOurs(ours, stock, port);
    });
    return `gone here after ${ms.toFixed(0)} ms`;
  } finally {
    client.end();
  }
}

/** An idle stream lives on our keepalives, and ends by them once stock has forgotten it. */
async function stockClosesWithLoss(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.startOurs('watchful', { streams: { keepaliveMs: KEEPALIVE_MS } });
  const client = await stock.connect();
  try {
    const stream = await client.dial(ours.node.nodeId, PORT.echo);
    const connection = newest(ours, stock);
    await sleep(12 * KEEPALIVE_MS);
    expect(!connection.isOver, 'an idle stream ended');
    ours.socket.copies = ({ direction }) => (direction === 'in' ? 0 : 1);
    client.close(stream);
    await goneAtStock(stock, portOf(connection));
    ours.socket.copies = () => 1;
    const { ms } = await timed(() => goneAtOurs(ours, stock, portOf(connection)));
    return `gone here ${(ms / KEEPALIVE_MS).toFixed(0)} keepalives later`;
  } finally {
    client.end();
  }
}

async function stockWritesAndCloses(bench: InteropBench) {
  const stock = await bench.stock();
  const bytes = noise(MEGABYTE);
  const received: Uint8Array[] = [];
  let ended = false;
  const sink = collecting(
    (chunk) => received.push(chunk),
    () => {
      ended = true;
    },
  );
  const ours = await bench.startOurs('sink', { echo: sink });
  const client = await stock.connect();
  try {
    const stream = await client.dial(ours.node.nodeId, PORT.echo);
    client.send(stream, bytes);
    client.close(stream);
    const { ms } = await timed(() => until('the end of the stream', () => ended));
    expect(Buffer.concat(received).equals(bytes), `${Buffer.concat(received).length} other bytes arrived`);
    return `1 MiB in ${ms.toFixed(0)} ms`;
  } finally {
    client.end();
  }
}

async function refusedByStock(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const { ms, result } = await timed(() => dial(node, stock.nodeId, 5_999).catch((error: Error) => error));
  expect(result instanceof Error && 'code' in result && result.code === 'dial.refused', `the dial ended in ${result}`);
  return `${ms.toFixed(1)} ms`;
}

async function refusedByOurs(bench: InteropBench) {
  const stock = await bench.stock();
  const { node } = await bench.ours();
  const asked = stock.ask('connect', node.address, '5999', '--message', 'x').catch((error: Error) => error);
  const { ms, result } = await timed(() => asked);
  expect(result instanceof Error && ms < 2_000, `pilotctl says ${JSON.stringify(result)} after ${ms} ms`);
  return `${ms.toFixed(1)} ms`;
}

/** We leave unread what stock sends: its window closes at what a stream of ours holds, then everything arrives. */
async function ourReaderPauses(bench: InteropBench) {
  const stock = await bench.stock();
  let held: ServiceStream | undefined;
  let paused = true;
  const received: Uint8Array[] = [];
  const ours = await bench.startOurs('slow', {
    echo: {
      port: PORT.echo,
      accept: (stream) => {
        held = stream;
        return {
          handleReadable: (now) => {
            if (!paused) drain(stream, (chunk) => received.push(chunk), now);
          },
          handleWritable: () => {},
          handleClosed: () => {},
        };
      },
    },
  });
  const bytes = noise(2 * MEGABYTE);
  const client = await stock.connect();
  try {
    const stream = await client.dial(ours.node.nodeId, PORT.echo);
    client.send(stream, bytes);
    const connection = newest(ours, stock);
    await until('stock to stop', () => connection.stats.bytesReceived > 500_000);
    await sleep(PAUSE_MS);
    const taken = connection.stats.bytesReceived;
    await sleep(500);
    expect(connection.stats.bytesReceived === taken, 'stock goes on sending into a closed window');
    expect(taken < bytes.length, 'stock never stopped');
    paused = false;
    const { ms } = await timed(async () => {
      const source = held;
      if (source === undefined) throw new Error('no stream was accepted');
      ours.node.run((_core, now) => drain(source, (chunk) => received.push(chunk), now));
      await until('the rest', () => received.reduce((sum, chunk) => sum + chunk.length, 0) >= bytes.length);
    });
    expect(Buffer.concat(received).equals(bytes), 'other bytes arrived');
    client.close(stream);
    return `stopped at ${taken} bytes; the rest came within ${ms.toFixed(0)} ms of reading`;
  } finally {
    client.end();
  }
}

/** An application at stock leaves unread what we send: we stop when its window closes, then everything arrives. */
async function stockReaderPauses(bench: InteropBench) {
  const stock = await bench.stock();
  const ours = await bench.ours();
  const client = await stock.connect();
  try {
    await client.bind(5_001);
    const { duplex } = await dial(ours.node, stock.nodeId, 5_001);
    const stream = await client.accept();
    client.pause();
    const bytes = noise(8 * MEGABYTE);
    duplex.write(bytes);
    const connection = newest(ours, stock);
    const stopped = await untilStill(() => connection.stats.bytesSent);
    expect(stopped < bytes.length, 'stock took everything though nobody reads');
    await sleep(PAUSE_MS);
    const { ms } = await timed(async () => {
      client.resume();
      await until('the rest', () => stream.received >= bytes.length, 90_000);
    });
    expect(Buffer.concat(stream.chunks).equals(bytes), 'other bytes arrived');
    duplex.end();
    return `stopped at ${stopped} bytes; the rest came within ${ms.toFixed(0)} ms of reading`;
  } finally {
    client.end();
  }
}

function drain(
  stream: ServiceStream,
  keep: (chunk: Uint8Array) => void,
  now: Parameters<ServiceStream['read']>[0],
): void {
  for (let chunk = stream.read(now); chunk !== undefined; chunk = stream.read(now)) keep(chunk);
}

function collecting(keep: (chunk: Uint8Array) => void, ended: () => void): Service {
  return {
    port: PORT.echo,
    accept: (stream) => ({
      handleReadable: (now) => drain(stream, keep, now),
      handleWritable: () => {},
      handleClosed: ended,
    }),
  };
}

/** Waits until a counter has not moved for a second, and returns it. */
async function untilStill(counter: () => number): Promise<number> {
  let [value, since] = [counter(), performance.now()];
  return until('the sender to stop', () => {
    if (counter() !== value) [value, since] = [counter(), performance.now()];
    return performance.now() - since > 1_000 ? value : undefined;
  });
}

function newest({ node }: OurNode, stock: StockDaemon): Connection {
  const connection = node.run((core) => core.streams.openStreams(stock.nodeId).at(-1));
  if (connection === undefined) throw new Error('there is no stream with stock');
  return connection;
}

/** The ephemeral port of a stream, which both ends know it by. */
function portOf(connection: Connection): number {
  return connection.role === 'dialler' ? connection.localPort : connection.remotePort;
}

function goneAtOurs({ node }: OurNode, stock: StockDaemon, port: number): Promise<boolean> {
  return until('our end to close', () =>
    node.run((core) => core.streams.openStreams(stock.nodeId).every((connection) => portOf(connection) !== port)),
  );
}

function goneAtStock(stock: StockDaemon, port: number): Promise<boolean> {
  return until("stock's end to close", async () => {
    const { connections } = await stock.ask('connections');
    const rows = (connections ?? []) as { local_port: number; remote_port: number; state: string }[];
    return rows.every((row) => (row.local_port !== port && row.remote_port !== port) || /CLOS|WAIT/i.test(row.state));
  });
}
