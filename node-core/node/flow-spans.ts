import { toHex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import type { PathKind } from '../base/report.ts';
import { ATTR, type Attributes, SPAN, SPAN_EVENT, type Span, type SpanContext, type Tracer } from '../base/tracer.ts';
import { computeDialId, computeFlowId } from '../crypto/flow-id.ts';
import type { Connection } from '../stream/connection.ts';
import { type CloseReason, closeCode, type Handshake } from '../stream/connection-event.ts';
import { formatAddress } from '../wire/address.ts';

/** What a flow's spans need to know besides the stream itself. */
export interface FlowEnds {
  readonly ownKey: Uint8Array;
  /** Of the session that carried the opening; undefined before there was one. */
  readonly peerKey: Uint8Array | undefined;
  /** How often this node's wall clock was stepped, by now. */
  readonly clockEpoch: () => number;
}

/**
 * The spans of one stream: the dial until it is answered, and the stream from its first packet to its end. Both carry
 * what the other end also knows, so that a collector can join them.
 *
 * @see PROTOCOL.md, "Spans"
 */
export class FlowSpans {
  readonly #connection: Connection;
  readonly #ownKey: Uint8Array;
  readonly #stream: Span;
  readonly #dial: Span | undefined;
  readonly #clockEpoch: () => number;
  readonly #openedEpoch: number;
  #path: PathKind = 'unknown';
  #peerKey: Uint8Array | undefined;
  #flowId: string | undefined;
  #acknowledged = false;

  private constructor(connection: Connection, ends: FlowEnds, stream: Span, dial: Span | undefined) {
    this.#connection = connection;
    this.#ownKey = ends.ownKey;
    this.#peerKey = ends.peerKey;
    this.#stream = stream;
    this.#dial = dial;
    this.#clockEpoch = ends.clockEpoch;
    this.#openedEpoch = ends.clockEpoch();
    stream.setAttributes({ [ATTR.clockEpoch]: this.#openedEpoch });
  }

  static dialled(
    connection: Connection,
    ends: FlowEnds,
    tracer: Tracer,
    now: Instant,
    parent: SpanContext | undefined,
  ): FlowSpans {
    const attributes = attributesOf(connection);
    const options = { at: now.unixNano, kind: 'client', parent, attributes } as const;
    const dial = tracer.startSpan(SPAN.dial, options);
    return new FlowSpans(connection, ends, tracer.startSpan(SPAN.stream, options), dial);
  }

  static accepted(connection: Connection, ends: FlowEnds, tracer: Tracer, now: Instant): FlowSpans {
    const options = { at: now.unixNano, kind: 'server', attributes: attributesOf(connection) } as const;
    const spans = new FlowSpans(connection, ends, tracer.startSpan(SPAN.stream, options), undefined);
    spans.#identify();
    return spans;
  }

  get stream(): SpanContext {
    return this.#stream.context;
  }

  get dial(): SpanContext | undefined {
    return this.#dial?.context;
  }

  get flowId(): string | undefined {
    return this.#flowId;
  }

  /** The session's key became known, or another session carried the opening. */
  setPeerKey(peerKey: Uint8Array): void {
    this.#peerKey = peerKey;
  }

  established(path: PathKind, now: Instant): void {
    this.#identify();
    this.#dial?.setAttributes({ [ATTR.path]: path });
    this.#stream.setAttributes({ [ATTR.path]: path });
    this.#path = path;
    this.#endDial(now, undefined);
  }

  pathChanged(path: PathKind, beacon: string | undefined, now: Instant): void {
    const attributes: Attributes = {
      [ATTR.path]: path,
      ...(beacon === undefined ? {} : { [ATTR.relayBeacon]: beacon }),
    };
    this.#stream.setAttributes(attributes);
    this.#stream.addEvent(SPAN_EVENT.pathChanged, now.unixNano, { ...attributes, [ATTR.previousPath]: this.#path });
    this.#path = path;
  }

  link(context: SpanContext): void {
    this.#stream.addLink(context);
  }

  /** Ends both spans. */
  closed(reason: CloseReason, now: Instant): void {
    this.#identify();
    this.#endDial(now, reason);
    const { bytesSent, bytesReceived } = this.#connection.stats;
    this.#stream.setAttributes({
      [ATTR.bytesSent]: bytesSent,
      [ATTR.bytesReceived]: bytesReceived,
    });
    const code = closeCode(reason);
    if (code !== undefined) this.#stream.setAttributes({ [ATTR.errorType]: code });
    this.#stream.end(now.unixNano, code === undefined ? { code: 'ok' } : { code: 'error', message: reason });
  }

  #endDial(now: Instant, reason: CloseReason | undefined): void {
    const code = reason === undefined ? undefined : closeCode(reason);
    if (code !== undefined) this.#dial?.setAttributes({ [ATTR.errorType]: code });
    this.#dial?.end(now.unixNano, code === undefined ? { code: 'ok' } : { code: 'error', message: reason ?? '' });
  }

  /** Adds ids and clock evidence as far as they are known. The id is fixed at opening and never changes. */
  #identify(): void {
    const peerKey = this.#peerKey;
    if (peerKey === undefined) return;
    const facts = this.#facts(peerKey);
    const dialId = computeDialId(facts);
    const named: Attributes = { [ATTR.dialId]: dialId, ...factAttributes(facts, this.#connection.role) };
    this.#dial?.setAttributes(named);
    this.#stream.setAttributes(named);
    const { handshake } = this.#connection;
    if (handshake === undefined) return;
    this.#flowId = computeFlowId({ ...facts, acceptorSequence: handshake.acceptorSequence });
    const flow: Attributes = { [ATTR.flowId]: this.#flowId, [ATTR.flowAcceptorSeq]: handshake.acceptorSequence };
    this.#dial?.setAttributes(flow);
    this.#stream.setAttributes(flow);
    this.#addEvidence(handshake);
  }

  /**
   * Sent times were read before sending and are rounded down, arrivals at arrival and rounded up. Each end's two events say
   * the clock's epoch before and after, so that an exchange with a step of the clock inside is known for one.
   */
  #addEvidence({ synSent, synReceived, synAckSent, synAckReceived }: Handshake): void {
    if (this.#acknowledged) return;
    const before = { [ATTR.clockEpoch]: this.#openedEpoch };
    const after = { [ATTR.clockEpoch]: this.#clockEpoch() };
    if (synSent !== undefined && synAckReceived !== undefined) {
      this.#acknowledged = true;
      this.#stream.addEvent(SPAN_EVENT.synSent, synSent.unixNano, before);
      this.#stream.addEvent(SPAN_EVENT.synAckReceived, synAckReceived.unixNano + 1n, after);
    } else if (synReceived !== undefined && synAckSent !== undefined) {
      this.#acknowledged = true;
      this.#stream.addEvent(SPAN_EVENT.synReceived, synReceived.unixNano + 1n, before);
      this.#stream.addEvent(SPAN_EVENT.synAckSent, synAckSent.unixNano, after);
    }
  }

  #facts(peerKey: Uint8Array) {
    const { role, localPort, remotePort, initialSequence, handshake } = this.#connection;
    const own = { key: this.#ownKey, port: localPort };
    const peer = { key: peerKey, port: remotePort };
    const [dialler, acceptor] = role === 'dialler' ? [own, peer] : [peer, own];
    return {
      diallerKey: dialler.key,
      diallerPort: dialler.port,
      acceptorKey: acceptor.key,
      acceptorPort: acceptor.port,
      diallerSequence: handshake?.diallerSequence ?? initialSequence,
    };
  }
}

function factAttributes(facts: Parameters<typeof computeDialId>[0], role: Connection['role']): Attributes {
  return {
    [ATTR.flowRole]: role,
    [ATTR.flowDiallerKey]: toHex(facts.diallerKey),
    [ATTR.flowDiallerPort]: facts.diallerPort,
    [ATTR.flowAcceptorKey]: toHex(facts.acceptorKey),
    [ATTR.flowAcceptorPort]: facts.acceptorPort,
    [ATTR.flowDiallerSeq]: facts.diallerSequence,
  };
}

function attributesOf(connection: Connection): Attributes {
  const { remote, role, localPort, remotePort } = connection;
  return {
    [ATTR.peerNodeId]: remote.node,
    [ATTR.peerAddress]: formatAddress(remote),
    [ATTR.groupId]: remote.network,
    [ATTR.port]: role === 'dialler' ? remotePort : localPort,
    'network.transport': 'udp',
  };
}
