import { fromHex, toHex } from '../base/bytes.ts';
import type { LogEntry } from '../contract/log.ts';
import type { KeyChange } from '../mesh/node-keys.ts';
import type { NodeEvent } from '../node/node-event.ts';
import { newsOf } from '../runtime/node-news.ts';

/** The sentence an operator reads about an event of the node; undefined for what is too common to log. */
export function describeEvent(event: NodeEvent, nameOf: (nodeId: number) => string): LogEntry | undefined {
  const entry = (level: LogEntry['level'], kind: string, text: string, nodeId?: number): LogEntry => ({
    level,
    kind,
    text,
    source: 'this node',
    actor: 'node',
    ...(nodeId === undefined ? {} : { nodeId }),
  });
  switch (event.type) {
    case 'registered':
      return entry('info', 'node.registered', `Registered as ${event.address}`);
    case 'registry':
      return event.state === 'ok'
        ? entry('info', 'registry.ok', 'Registry answers')
        : entry(
            'error',
            'registry.away',
            `Registry does not answer: ${event.reason}. Existing tunnels go on; new names cannot be found.`,
          );
    case 'identity-changed':
      return describeIdentity(event, nameOf, entry);
    case 'profile':
    case 'id-lost':
    case 'id-changed': {
      const news = newsOf(event);
      return news && entry(news.level, news.kind, news.text);
    }
    case 'tunnel':
      return describeTunnel(event.event, nameOf, entry);
    default:
      return undefined;
  }
}

/** What a changed key means, and what there is to do about it. */
function describeIdentity(
  { nodeId, before, after, verdict }: Extract<NodeEvent, { type: 'identity-changed' }>,
  nameOf: (nodeId: number) => string,
  entry: Entry,
): LogEntry {
  const name = nameOf(nodeId);
  const keys = `${shortKey(before)} to ${shortKey(after)}`;
  switch (verdict) {
    case 'refused':
      return entry(
        'error',
        'peer.key_refused',
        `The key of ${name}, which is trusted, changed from ${keys}, and nobody vouches for it. It is shut out until it is trusted again, or the trust is removed.`,
        nodeId,
      );
    case 'rotated':
      return entry(
        'info',
        'peer.key_rotated',
        `${name} replaced its key, ${keys}, and signed for it: the new one is trusted`,
        nodeId,
      );
    case 'accepted':
      return entry(
        'warning',
        'peer.key_changed',
        `The key of ${name} changed from ${keys}: it is another node`,
        nodeId,
      );
    default:
      throw verdict satisfies never;
  }
}

function shortKey(key: Uint8Array): string {
  return `${toHex(key.subarray(0, 4))}…`;
}

type Entry = (level: LogEntry['level'], kind: string, text: string, nodeId?: number) => LogEntry;

function describeTunnel(
  event: Extract<NodeEvent, { type: 'tunnel' }>['event'],
  nameOf: (nodeId: number) => string,
  entry: Entry,
): LogEntry | undefined {
  switch (event.type) {
    case 'established':
      return entry('info', 'tunnel.established', `Tunnel with ${nameOf(event.peerNodeId)} is up`, event.peerNodeId);
    case 'rekeyed':
      return entry(
        'info',
        'tunnel.rekeyed',
        `New key with ${nameOf(event.peerNodeId)}, asked for by ${event.by === 'own' ? 'this node' : 'the peer'}`,
        event.peerNodeId,
      );
    case 'path-changed':
      return entry(
        event.to === 'relay' && event.from !== 'unknown' ? 'warning' : 'info',
        'tunnel.path',
        `${nameOf(event.peerNodeId)}: ${event.from} to ${event.to}`,
        event.peerNodeId,
      );
    case 'silent':
      return entry('warning', 'peer.silent', `${nameOf(event.peerNodeId)} is silent on every path`, event.peerNodeId);
    case 'recovered':
      return entry('info', 'peer.recovered', `${nameOf(event.peerNodeId)} answers again`, event.peerNodeId);
    case 'key-exchange-failed':
      return entry(
        'warning',
        'tunnel.key_exchange',
        `${nameOf(event.peerNodeId)} does not answer the key exchange`,
        event.peerNodeId,
      );
    case 'closed':
      return entry(
        'info',
        'tunnel.closed',
        `Tunnel with ${nameOf(event.peerNodeId)} closed (${event.reason})`,
        event.peerNodeId,
      );
    default:
      return undefined;
  }
}

/** More ids than this that change hands at once are told in one line. */
const MOST_TOLD_KEYS = 10;

/** What an operator reads when other keys stand under ids: other nodes, whatever they are called. */
export function describeKeyChanges(changes: readonly KeyChange[], nameOf: (nodeId: number) => string): LogEntry[] {
  const told = changes.slice(0, MOST_TOLD_KEYS).map(({ nodeId, from, to, by }): LogEntry => {
    const who = by === 'tunnel' ? 'proved the key' : 'is listed with the key';
    const text = `${nameOf(nodeId)}: node ${nodeId} ${who} ${shortKey(fromHex(to))}, where ${shortKey(fromHex(from))} was before. It is another node: what was known of it begins afresh, and trust in the earlier key is none in this one.`;
    return { level: 'warning', kind: 'node.key_changed', text, source: 'this node', actor: 'node', nodeId };
  });
  const more = changes.length - told.length;
  if (more === 0) return told;
  const text = `${more} more node ids have other keys than before: the registry gives ids out again.`;
  return [...told, { level: 'warning', kind: 'node.key_changed', text, source: 'this node', actor: 'node' }];
}
