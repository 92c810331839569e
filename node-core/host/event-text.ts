import type { LogEntry } from '../contract/log.ts';
import type { NodeEvent } from '../node/pilot-node.ts';

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
    case 'tunnel':
      return describeTunnel(event.event, nameOf, entry);
    default:
      return undefined;
  }
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
