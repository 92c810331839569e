import type { RPCHandler } from '@orpc/server/ws';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { Outgoing } from './outgoing.ts';

/** What a client of the contract may have under way at once on one socket, feeds included; a window has about ten. */
const MOST_CALLS = 64;

const CALL = 1;
const ABORT = 4;

/** A message of a client: a call or its end. No call takes a feed, whose events would be kept until it ended. */
const envelope = z.object({
  i: z.string().max(64),
  t: z.union([z.literal(CALL), z.literal(ABORT)]).default(CALL),
  p: z.unknown().optional(),
});
const call = z.object({ u: z.string().startsWith('/'), h: z.record(z.string(), z.string()).optional() });
const reply = z.object({ i: z.string(), t: z.number().default(2), p: z.unknown().optional() });
const lastEvent = z.object({ e: z.enum(['done', 'error']) });
const feed = z.object({ h: z.object({ 'content-type': z.literal('text/event-stream') }) });

type ContractSocket = Parameters<RPCHandler<Record<never, never>>['upgrade']>[0];

/**
 * A client's socket as the handler of the contract sees it: what is no message of the contract ends the socket, and so do
 * more calls under way than a client needs, and a client that calls but does not read.
 */
export function gated(socket: WebSocket): ContractSocket {
  const calls = new CallsUnderWay();
  const outgoing = new Outgoing(socket);
  const listen = (type: string, listener: (event: never) => void): void => {
    if (type !== 'message') return void socket.on(type, () => listener({} as never));
    socket.on('message', (data, isBinary) => {
      if (socket.readyState !== socket.OPEN) return;
      const text = String(data);
      const refused = isBinary ? 'not text' : calls.refuse(text);
      if (refused === undefined) listener({ data: text } as never);
      else socket.close(4400, refused);
    });
  };
  const send = (message: unknown): void => {
    calls.noteReply(String(message));
    outgoing.send(String(message));
  };
  return { addEventListener: listen as ContractSocket['addEventListener'], send };
}

/** The calls of one socket that have no end yet. */
class CallsUnderWay {
  readonly #underWay = new Set<string>();

  /** Why a message ends the socket; undefined for one to be handled. */
  refuse(text: string): string | undefined {
    const parsed = envelope.safeParse(parseJson(text));
    if (!parsed.success) return 'no message of the contract';
    const { i, t, p } = parsed.data;
    if (t === ABORT) this.#underWay.delete(i);
    if (t !== CALL) return undefined;
    if (!call.safeParse(p).success) return 'no call of the contract';
    if (this.#underWay.size >= MOST_CALLS) return 'too many calls at once';
    this.#underWay.add(i);
    return undefined;
  }

  /** A call ends with its reply, a feed with its last event. */
  noteReply(message: string): void {
    const parsed = reply.safeParse(parseJson(message));
    if (!parsed.success) return;
    const { i, t, p } = parsed.data;
    const ended = t === 2 ? !feed.safeParse(p).success : lastEvent.safeParse(p).success;
    if (ended) this.#underWay.delete(i);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
