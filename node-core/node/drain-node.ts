import type { Instant } from '../base/clock.ts';
import type { Transmit } from '../tunnel/tunnel-table.ts';
import type { NodeEvent } from './node-event.ts';
import type { PilotNode } from './pilot-node.ts';
import type { Report } from './reporter.ts';

/** Where what a node says goes. Each may run further commands on the node. */
export interface NodeOutlets {
  /** Asked anew for each piece, since packets are stamped when they leave. */
  now(): Instant;
  event(event: NodeEvent, now: Instant): void;
  datagram(datagram: Transmit): void;
  registryMessage(message: Uint8Array): void;
  reports(reports: readonly Report[]): void;
}

/**
 * Hands out what a node has to say until it is quiet. Events go first, so that the application hears of what happened
 * before anything is sent for it.
 */
export function drainNode(node: PilotNode, outlets: NodeOutlets): void {
  const nextEvent = () => given(node.pollEvent(), (event) => outlets.event(event, outlets.now()));
  const nextDatagram = () => given(node.pollTransmit(outlets.now()), outlets.datagram);
  const nextMessage = () => given(node.pollRegistrySend(), outlets.registryMessage);
  const nextReports = () => {
    const reports = node.pollReports(outlets.now());
    return given(reports.length > 0 ? reports : undefined, outlets.reports);
  };
  // asked for a datagram, a node without one may still have queued an event
  while (nextEvent() || nextDatagram() || nextMessage() || nextReports() || nextEvent());
}

function given<T>(value: T | undefined, take: (value: T) => void): boolean {
  if (value === undefined) return false;
  take(value);
  return true;
}
