import { chmod, rm } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { z } from 'zod';
import { PilotError } from '../base/errors.ts';
import { listenOnPath } from '../io/listen.ts';
import { localSocket, localSockets } from '../io/local-sockets.ts';
import { NAT_BEHAVIOURS } from './nat-socket.ts';

/** What can be changed in a running fleet from another terminal. */
const command = z.discriminatedUnion('act', [
  z.object({ act: z.literal('nat'), agent: z.string(), kind: z.enum(NAT_BEHAVIOURS) }),
  z.object({ act: z.literal('context'), enabled: z.boolean() }),
  z.object({ act: z.literal('counters') }),
]);
export type FleetCommand = z.infer<typeof command>;
/** What one fleet process says; undefined when the command names an agent of another process. */
export type FleetReply = Readonly<Record<string, unknown>> | undefined;

const LARGEST_COMMAND_BYTES = 64 * 1024;

export interface FleetControl {
  close(): Promise<void>;
}

/** Listens on an owner-only local socket, one for each fleet process. @param sockets - How their paths begin. */
export async function serveFleetControl(
  sockets: string,
  handle: (command: FleetCommand) => Promise<FleetReply>,
): Promise<FleetControl> {
  const path = localSocket(sockets, 'fleet', process.pid);
  await rm(path, { force: true });
  const server = createServer((incoming, reply) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LARGEST_COMMAND_BYTES) incoming.destroy();
      else chunks.push(chunk);
    });
    incoming.on('end', () => {
      answer(Buffer.concat(chunks).toString('utf8'), handle).then(
        ({ status, body }) => reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
        (error: unknown) => reply.writeHead(500).end(JSON.stringify({ error: String(error) })),
      );
    });
  });
  await listenOnPath(server, path);
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(text: string, handle: (command: FleetCommand) => Promise<FleetReply>) {
  const parsed = command.safeParse(parseJson(text));
  if (!parsed.success) return { status: 400, body: { error: 'not a fleet command' } };
  const reply = await handle(parsed.data);
  return reply === undefined ? { status: 404, body: { error: 'no such agent here' } } : { status: 200, body: reply };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Sends a command to every fleet process of a deck; returns the replies of those it concerned.
 *
 * @throws PilotError `peer.unknown` when no running fleet knows what it names.
 */
export async function commandFleet(sockets: string, wanted: FleetCommand): Promise<NonNullable<FleetReply>[]> {
  const replies = await Promise.all((await localSockets(sockets, 'fleet')).map((path) => post(path, wanted)));
  const concerned = replies.filter((reply) => reply !== undefined);
  if (concerned.length === 0)
    throw new PilotError('peer.unknown', 'no running fleet took the command: check the name, or start one');
  return concerned;
}

function post(socketPath: string, wanted: FleetCommand): Promise<FleetReply> {
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, method: 'POST', path: '/', timeout: 5_000 }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () => {
        const body = parseJson(Buffer.concat(chunks).toString('utf8'));
        resolve(reply.statusCode === 200 ? (body as NonNullable<FleetReply>) : undefined);
      });
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(undefined)); // a killed fleet's, or a stopped one's
    outgoing.end(JSON.stringify(wanted));
  });
}
