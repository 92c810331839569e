import type { Instant } from '../base/clock.ts';
import type { FlowReport } from '../base/report.ts';
import type { Endpoint } from '../base/transport.ts';
import type { PortTable } from '../stream/port-table.ts';
import type { StreamEvent } from '../stream/stream-event.ts';
import type { SessionKeys, TunnelEvent } from '../tunnel/tunnel-event.ts';
import type { TunnelTable } from '../tunnel/tunnel-table.ts';
import { PROTOCOL } from '../wire/packet.ts';
import type { BeaconRoster } from './beacon-roster.ts';
import type { FlowBook } from './flow-book.ts';
import type { NodeEvent } from './node-event.ts';
import type { PeerLookups } from './peer-lookups.ts';
import type { RegistryClient } from './registry-client.ts';
import type { Reporter } from './reporter.ts';
import type { ServiceHost } from './service-host.ts';
import type { Trust } from './trust.ts';

/** The parts of a node that tell each other what happened. */
export interface NodeLayers {
  readonly registry: RegistryClient;
  readonly tunnels: TunnelTable;
  readonly streams: PortTable;
  readonly services: ServiceHost;
  readonly lookups: PeerLookups;
  readonly trust: Trust;
  readonly flows: FlowBook;
  readonly reporter: Reporter;
  /** Undefined for a node that was told of no beacon. */
  readonly beacons: BeaconRoster | undefined;
  /** The keys of the sessions that stand, by node id. */
  readonly peerKeys: Map<number, SessionKeys>;
  /** For the owner of the node. */
  readonly events: NodeEvent[];
  /** The address that the beacon sees this node at. */
  observed(endpoint: Endpoint, now: Instant): void;
}

/** Moves what one layer of a node says to the next, and to the owner of the node. */
export class LayerEvents {
  readonly #layers: NodeLayers;

  constructor(layers: NodeLayers) {
    this.#layers = layers;
  }

  /** Moves what one layer says to the next until all are quiet. */
  settle(now: Instant): void {
    for (;;) {
      const registry = this.#layers.registry.pollEvent();
      if (registry !== undefined) {
        this.#handleRegistry(registry, now);
        continue;
      }
      const tunnel = this.#layers.tunnels.pollEvent();
      if (tunnel !== undefined) {
        this.#handleTunnel(tunnel, now);
        continue;
      }
      const stream = this.#layers.streams.pollEvent();
      if (stream === undefined) return;
      this.#handleStream(stream, now);
    }
  }

  #handleRegistry(event: NonNullable<ReturnType<RegistryClient['pollEvent']>>, now: Instant): void {
    switch (event.type) {
      case 'open-channel':
        this.#layers.events.push({ type: 'open-registry' });
        return;
      case 'close-channel':
        this.#layers.events.push({ type: 'close-registry' });
        return;
      case 'registered':
        this.#layers.tunnels.setNodeId(event.nodeId, now);
        this.#layers.streams.nodeId = event.nodeId;
        this.#layers.events.push({ type: 'registered', nodeId: event.nodeId, address: event.address });
        return;
      case 'beacons':
        this.#layers.beacons?.learn(event.endpoints);
        if (this.#layers.tunnels.beaconState === 'away') this.#leaveBeacon(now);
        return;
      case 'state':
        this.#layers.events.push({ ...event, type: 'registry' });
        return;
      case 'profile':
      case 'id-lost':
      case 'id-changed':
        this.#layers.events.push(event);
        return;
      case 'peer-key':
        this.#layers.trust.identityTold(event.nodeId, event.publicKey, event.rotations);
        return;
      case 'answered':
        event.deliver(now);
        return;
      default:
        event satisfies never;
    }
  }

  #handleTunnel(event: TunnelEvent, now: Instant): void {
    switch (event.type) {
      case 'payload':
        this.#layers.peerKeys.set(event.peerNodeId, event.keys);
        this.#handlePayload(event, { monotonicMs: now.monotonicMs, unixNano: event.receivedAt.unixNano });
        return;
      case 'key-needed':
        this.#layers.lookups.lookUpKey(event.nodeId, now);
        return;
      case 'endpoint-needed':
        this.#layers.lookups.resolve(event.nodeId, now);
        return;
      case 'established':
      case 'rekeyed':
        this.#layers.peerKeys.set(event.peerNodeId, event.keys);
        if (event.type === 'rekeyed') this.#layers.streams.peerRekeyed(event.peerNodeId, now);
        else this.#layers.trust.sessionUp(event.peerNodeId, event.keys.peerIdentityKey, now);
        break;
      case 'path-changed':
        this.#layers.flows.pathChanged(event, this.#layers.streams.openStreams(event.peerNodeId), now);
        break;
      case 'closed':
        this.#layers.streams.peerGone(event.peerNodeId);
        this.#layers.peerKeys.delete(event.peerNodeId);
        // One that never had a key was nobody's tunnel.
        if (event.last.epoch > 0) this.#layers.reporter.tunnelClosed(event.last, now);
        this.#layers.events.push({ type: 'tunnel', event });
        return;
      case 'endpoint-observed':
        this.#noteBeacon({ state: 'ok', since: now, rttMs: event.rttMs });
        this.#layers.observed(event.endpoint, now);
        return;
      case 'dropped':
        return; // hostile frames are daily: `tunnels.drops()` counts them
      case 'beacon-answered':
        this.#noteBeacon({ state: 'ok', since: now });
        return;
      case 'beacon-away':
        this.#noteBeacon({ state: 'away', since: event.since });
        this.#leaveBeacon(now);
        return;
      default:
        break;
    }
    if ('peerNodeId' in event) this.#layers.reporter.tunnelChanged(event.peerNodeId, now);
    this.#layers.events.push({ type: 'tunnel', event });
  }

  #noteBeacon(news: { readonly state: 'ok' | 'away'; readonly since: Instant; readonly rttMs?: number }): void {
    if (this.#layers.beacons !== undefined)
      this.#layers.events.push({ type: 'beacon', endpoint: this.#layers.beacons.current, ...news });
  }

  /** Turns from a silent beacon to the next one, if there is one. */
  #leaveBeacon(now: Instant): void {
    const next = this.#layers.beacons?.moveOn();
    if (next !== undefined) this.#layers.tunnels.setBeacon(next, now);
  }

  #handlePayload(event: Extract<TunnelEvent, { type: 'payload' }>, now: Instant): void {
    const { packet, peerNodeId } = event;
    if (packet.protocol === PROTOCOL.stream) {
      if (
        this.#layers.streams.opensStream(packet) &&
        !this.#layers.lookups.admits(peerNodeId, packet.destinationPort, now)
      )
        return;
      this.#layers.streams.handlePacket(packet, now);
      return;
    }
    if (packet.payload.length === 0 || !this.#layers.lookups.admits(peerNodeId, packet.destinationPort, now)) return;
    this.#layers.events.push({
      type: 'datagram',
      peerNodeId,
      groupId: packet.destination.network,
      sourcePort: packet.sourcePort,
      port: packet.destinationPort,
      payload: packet.payload,
    });
  }

  #handleStream(event: StreamEvent, now: Instant): void {
    const { connection } = event;
    const peer = connection.remote.node;
    switch (event.type) {
      case 'accepted':
        this.#layers.flows.accepted(connection, now);
        break;
      case 'established':
        this.#layers.flows.established(connection, this.#layers.tunnels.measure(peer)?.path ?? 'unknown', now);
        this.#flowChanged(this.#layers.flows.reportOf(connection, 'open'), peer, now);
        break;
      case 'closed':
        this.#flowChanged(this.#layers.flows.closed(connection, event.reason, now), peer, now);
        break;
      default:
        break;
    }
    this.#layers.events.push({ type: 'stream', event });
    this.#layers.services.handle(event, now);
  }

  #flowChanged(report: FlowReport | undefined, peerNodeId: number, now: Instant): void {
    if (report !== undefined) this.#layers.reporter.flowChanged(report, now);
    this.#layers.reporter.tunnelChanged(peerNodeId, now);
  }
}
