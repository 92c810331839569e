import { utf8 } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { PilotError } from '../base/errors.ts';
import { ATTR, SPAN, type Span, type SpanContext, type Tracer } from '../base/tracer.ts';
import type { OpenStream, RunningNode } from '../runtime/running-node.ts';
import { DATA_TYPE, type DataFrame, DataFrameDecoder, encodeDataFrame } from '../wire/data-exchange.ts';
import { PORT } from '../wire/packet.ts';
import { formatTraceparent } from './trace-context.ts';

export interface Question {
  readonly groupId: number;
  readonly capability: string;
  readonly text: string;
}

interface Member {
  readonly nodeId: number;
  readonly tags: readonly string[];
}

const MEMBERS_LIFETIME_MS = 10_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** Asks a group for a capability: picks one of the members that offer it, in turn, and waits for its answer. */
export class GroupQuery {
  readonly #node: RunningNode;
  readonly #tracer: Tracer;
  readonly #clock: Clock;
  /** Whether application messages carry the context they were sent in. */
  readonly #sendsContext: () => boolean;
  readonly #members = new Map<number, { readonly list: Promise<Member[]>; readonly until: number }>();
  #turn = 0;

  constructor(node: RunningNode, tracer: Tracer, clock: Clock, sendsContext: () => boolean) {
    this.#node = node;
    this.#tracer = tracer;
    this.#clock = clock;
    this.#sendsContext = sendsContext;
  }

  /** @throws PilotError when nobody offers it, nobody answers, or the answer is a failure. */
  async ask(question: Question, parent: SpanContext): Promise<string> {
    const { groupId, capability } = question;
    const attributes = { [ATTR.groupId]: groupId, [ATTR.capability]: capability };
    const span = this.#start(SPAN.groupQuery, parent, attributes);
    return this.#within(span, async () => {
      const member = await this.#choose(question, span.context);
      span.setAttributes({ [ATTR.peerNodeId]: member.nodeId });
      return this.#call(member.nodeId, question, span.context);
    });
  }

  async #choose({ groupId, capability }: Question, parent: SpanContext): Promise<Member> {
    const able = (await this.#membersOf(groupId, parent)).filter(
      ({ tags, nodeId }) => nodeId !== this.#node.nodeId && tags.includes(capability),
    );
    this.#turn += 1;
    const chosen = able[this.#turn % Math.max(1, able.length)];
    if (chosen === undefined)
      throw new PilotError('peer.unknown', `no member of group ${groupId} offers ${capability}`);
    return chosen;
  }

  #membersOf(groupId: number, parent: SpanContext): Promise<Member[]> {
    const nowMs = this.#clock.now().monotonicMs;
    const known = this.#members.get(groupId);
    if (known !== undefined && nowMs < known.until) return known.list;
    const list = this.#node
      .ask('list_nodes', { networkId: groupId }, { parent })
      .then(({ nodes }) => nodes.filter(({ offline }) => !offline).map(({ nodeId, tags = [] }) => ({ nodeId, tags })));
    this.#members.set(groupId, { list, until: nowMs + MEMBERS_LIFETIME_MS });
    list.catch(() => this.#members.delete(groupId));
    return list;
  }

  async #call(nodeId: number, { groupId, capability, text }: Question, parent: SpanContext): Promise<string> {
    const attributes = { [ATTR.peerNodeId]: nodeId, [ATTR.groupId]: groupId, [ATTR.port]: PORT.dataExchange };
    const span = this.#start(SPAN.serviceCall, parent, attributes, 'client');
    return this.#within(span, async () => {
      const stream = await this.#node.dial({ nodeId, groupId, port: PORT.dataExchange, parent: span.context });
      const context = this.#sendsContext() ? { _meta: { traceparent: formatTraceparent(span.context) } } : {};
      const message = utf8(JSON.stringify({ capability, question: text, ...context }));
      try {
        stream.duplex.write(encodeDataFrame({ type: DATA_TYPE.json, fileName: '', payload: message }));
        return readAnswer(await nextJson(stream));
      } finally {
        stream.duplex.end();
        stream.duplex.resume();
      }
    });
  }

  #start(
    name: string,
    parent: SpanContext,
    attributes: Record<string, string | number>,
    kind: 'internal' | 'client' = 'internal',
  ): Span {
    return this.#tracer.startSpan(name, { at: this.#clock.now().unixNano, kind, parent, attributes });
  }

  async #within<T>(span: Span, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      span.end(this.#clock.now().unixNano);
      return result;
    } catch (error) {
      if (error instanceof PilotError) span.setAttributes({ [ATTR.errorType]: error.code });
      span.end(this.#clock.now().unixNano, {
        code: 'error',
        message: error instanceof Error ? error.message : String(error),
      });
      throw error;
    }
  }
}

/** Reads frames until a JSON one comes; the acknowledgement of the question comes before it. */
function nextJson({ duplex }: OpenStream): Promise<DataFrame> {
  const decoder = new DataFrameDecoder();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new PilotError('peer.silent', 'no answer in time')), ANSWER_TIMEOUT_MS);
    const settle = (act: () => void) => {
      clearTimeout(timer);
      act();
    };
    duplex.on('data', (bytes: Uint8Array) => {
      try {
        decoder.push(bytes);
        for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
          const received = frame;
          if (received.type === DATA_TYPE.json) return settle(() => resolve(received));
        }
      } catch (error) {
        settle(() => reject(error));
      }
    });
    duplex.on('error', (error) => settle(() => reject(error)));
    duplex.on('end', () => settle(() => reject(new PilotError('stream.closed', 'the stream ended before the answer'))));
  });
}

function readAnswer(frame: DataFrame): string {
  const value: unknown = JSON.parse(new TextDecoder().decode(frame.payload));
  const field = (name: string) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined);
  const error = field('error');
  if (typeof error === 'string') throw new Error(error);
  return String(field('answer'));
}
