import type { UnixNano } from '../base/clock.ts';
import type { FlowReport, NodeReport, PathKind, ReportRow, ReportRowHead, TunnelReport } from '../base/report.ts';
import { CounterWindow } from './counter-window.ts';

/** What a node last said of itself. */
export interface NodeFacts {
  readonly nodeId: number;
  readonly at: number;
  readonly report: NodeReport;
  /** Both over the last minute. */
  readonly requests: CounterWindow;
  readonly failures: CounterWindow;
}

/** What one end last said of a tunnel. Its times are moved to the collector's clock by the age they had when reported. */
export interface TunnelSideFacts {
  readonly reporter: number;
  readonly at: number;
  readonly report: TunnelReport;
  readonly pathSince: number;
  readonly keySince: number;
  readonly lastHeard: number;
  readonly previousPath?: PathKind;
  /** When it fell from a straight path to a relayed one; gone as soon as it is straight again. */
  readonly fellAt?: number;
  /** Both directions, over the last 10 s. */
  readonly traffic: CounterWindow;
}

export interface TunnelFacts {
  /** `LOW-HIGH` of the two node ids. */
  readonly id: string;
  readonly a: number;
  readonly b: number;
  readonly sides: ReadonlyMap<number, TunnelSideFacts>;
}

/** A flow that is open, from the ends that report it. */
export interface FlowFacts {
  readonly flowId: string;
  readonly dialler: number;
  readonly acceptor: number;
  readonly port: number;
  readonly groupId: number;
  readonly openedAt: number;
  readonly heardFrom: ReadonlyMap<FlowReport['role'], number>;
}

type OpenTunnel = TunnelFacts & { readonly sides: Map<number, TunnelSideFacts> };
type OpenFlow = FlowFacts & { readonly heardFrom: Map<FlowReport['role'], number> };

export type DroppedReport =
  | 'self-tunnel'
  | 'self-flow'
  | 'contradicts-other-end'
  | 'too-many-from-one-node'
  | 'too-many';

const REQUEST_WINDOW_MS = 60_000;
export const TRAFFIC_WINDOW_MS = 10_000;
/** A path that held for less was only tried: leaving it is no fall. */
const HELD_MS = 5_000;
/** Reports come every 5 s; a side that missed this many is no longer drawn. */
const SIDE_LIFETIME_MS = 90_000;
const FLOW_LIFETIME_MS = 30_000;
const NODE_LIFETIME_MS = 900_000;
const MOST_NODES = 20_000;
const MOST_TUNNELS = 100_000;
const MOST_FLOWS = 100_000;
const MOST_TUNNELS_OF_ONE_NODE = 2_000;
const MOST_FLOWS_OF_ONE_NODE = 2_000;
const NANOS_PER_MS = 1e6;

const STRAIGHT: ReadonlySet<PathKind> = new Set(['lan', 'direct', 'punched']);
export function isStraight(path: PathKind): boolean {
  return STRAIGHT.has(path);
}

export function tunnelId(one: number, other: number): string {
  return one < other ? `${one}-${other}` : `${other}-${one}`;
}

/** What is different since it was last asked, by id; also what is gone. */
export interface TopologyChanges {
  readonly nodes: ReadonlySet<number>;
  readonly tunnels: ReadonlySet<string>;
  readonly flows: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Folds report rows into the mesh as its nodes see it. Deterministic: the same rows and the same `expire` calls give the
 * same state. What one node may add is bounded, so that no reporter can crowd the others out.
 */
export class Topology {
  readonly #nodes = new Map<number, NodeFacts>();
  readonly #tunnels = new Map<string, OpenTunnel>();
  readonly #flows = new Map<string, OpenFlow>();
  /** The tunnels that a node is an end of, whoever told of them. */
  readonly #tunnelsAt = new Map<number, Set<string>>();
  /** The flows that a node is an end of. */
  readonly #flowsAt = new Map<number, Set<string>>();
  /** How many sides of tunnels, and ends of flows, a node told of. */
  readonly #flowsTold = new Map<number, number>();
  readonly #tunnelsTold = new Map<number, number>();
  #changed = { nodes: new Set<number>(), tunnels: new Set<string>(), flows: new Set<string>() };
  readonly #dropped: Record<DroppedReport, number> = {
    'self-tunnel': 0,
    'self-flow': 0,
    'contradicts-other-end': 0,
    'too-many-from-one-node': 0,
    'too-many': 0,
  };
  #taken = 0;

  get nodes(): ReadonlyMap<number, NodeFacts> {
    return this.#nodes;
  }

  get tunnels(): ReadonlyMap<string, TunnelFacts> {
    return this.#tunnels;
  }

  get flows(): ReadonlyMap<string, FlowFacts> {
    return this.#flows;
  }

  /** The tunnels that a node is an end of. */
  tunnelsOf(nodeId: number): ReadonlySet<string> {
    return this.#tunnelsAt.get(nodeId) ?? NONE;
  }

  /** The flows that a node is an end of. */
  flowsOf(nodeId: number): ReadonlySet<string> {
    return this.#flowsAt.get(nodeId) ?? NONE;
  }

  /** What changed since the last call. */
  takeChanges(): TopologyChanges {
    const changed = this.#changed;
    this.#changed = { nodes: new Set(), tunnels: new Set(), flows: new Set() };
    return changed;
  }

  /** Forgets all that was told by a node and of it: another one has its id now. */
  forget(nodeId: number): void {
    this.#forgetNode(nodeId);
    for (const id of this.tunnelsOf(nodeId)) {
      const tunnel = this.#tunnels.get(id);
      for (const reporter of tunnel?.sides.keys() ?? []) if (tunnel !== undefined) this.#removeSide(tunnel, reporter);
    }
    for (const flowId of this.flowsOf(nodeId)) {
      const flow = this.#flows.get(flowId);
      for (const role of flow?.heardFrom.keys() ?? []) if (flow !== undefined) this.#removeEnd(flow, role);
    }
  }

  /** Rows that were folded in. */
  get taken(): number {
    return this.#taken;
  }

  get dropped(): Readonly<Record<DroppedReport, number>> {
    return this.#dropped;
  }

  apply(row: ReportRow): void {
    const reason = this.#fold(row);
    if (reason === undefined) this.#taken += 1;
    else this.#dropped[reason] += 1;
  }

  /** Forgets what was not repeated for so long that it no longer holds. */
  expire(now: number): void {
    for (const [nodeId, node] of this.#nodes) {
      if (now - node.at > NODE_LIFETIME_MS) this.#forgetNode(nodeId);
    }
    for (const tunnel of this.#tunnels.values()) {
      for (const side of tunnel.sides.values()) {
        if (now - side.at > SIDE_LIFETIME_MS) this.#removeSide(tunnel, side.reporter);
      }
    }
    for (const flow of this.#flows.values()) {
      for (const [role, at] of flow.heardFrom) {
        if (now - at > FLOW_LIFETIME_MS) this.#removeEnd(flow, role);
      }
    }
  }

  #fold(row: ReportRow): DroppedReport | undefined {
    switch (row.kind) {
      case 'node':
        return this.#foldNode(row, row.report);
      case 'tunnel':
        return this.#foldTunnel(row, row.report);
      case 'flow':
        return this.#foldFlow(row, row.report);
      default:
        return row satisfies never;
    }
  }

  #foldNode(row: ReportRowHead, report: NodeReport): DroppedReport | undefined {
    const known = this.#nodes.get(row.reporter);
    if (known === undefined && this.#nodes.size >= MOST_NODES) return 'too-many';
    const same = known !== undefined && known.report.startedAt === report.startedAt;
    const requests = same ? known.requests : new CounterWindow(REQUEST_WINDOW_MS);
    const failures = same ? known.failures : new CounterWindow(REQUEST_WINDOW_MS);
    requests.add(row.at, report.requests);
    failures.add(row.at, report.failures);
    this.#nodes.set(row.reporter, { nodeId: row.reporter, at: row.at, report, requests, failures });
    this.#changed.nodes.add(row.reporter);
    return undefined;
  }

  #foldTunnel(row: ReportRowHead, report: TunnelReport): DroppedReport | undefined {
    if (report.peerNodeId === row.reporter) return 'self-tunnel';
    const id = tunnelId(row.reporter, report.peerNodeId);
    const tunnel = this.#tunnels.get(id);
    const known = tunnel?.sides.get(row.reporter);
    if (report.state === 'closed') {
      if (tunnel !== undefined) this.#removeSide(tunnel, row.reporter);
      return undefined;
    }
    if (tunnel === undefined && this.#tunnels.size >= MOST_TUNNELS) return 'too-many';
    if (known === undefined && !take(this.#tunnelsTold, row.reporter, MOST_TUNNELS_OF_ONE_NODE)) {
      return 'too-many-from-one-node';
    }
    const [a, b] = [Math.min(row.reporter, report.peerNodeId), Math.max(row.reporter, report.peerNodeId)];
    const target = tunnel ?? { id, a, b, sides: new Map<number, TunnelSideFacts>() };
    target.sides.set(row.reporter, foldSide(row, report, known));
    this.#tunnels.set(id, target);
    this.#changed.tunnels.add(id);
    for (const end of [a, b]) addTo(this.#tunnelsAt, end, id);
    return undefined;
  }

  #foldFlow(row: ReportRowHead, report: FlowReport): DroppedReport | undefined {
    if (report.peerNodeId === row.reporter) return 'self-flow';
    const [dialler, acceptor] =
      report.role === 'dialler' ? [row.reporter, report.peerNodeId] : [report.peerNodeId, row.reporter];
    const known = this.#flows.get(report.flowId);
    if (known !== undefined && (known.dialler !== dialler || known.acceptor !== acceptor)) {
      return 'contradicts-other-end';
    }
    if (report.state === 'closed') {
      if (known !== undefined) this.#removeEnd(known, report.role);
      return undefined;
    }
    if (known === undefined && this.#flows.size >= MOST_FLOWS) return 'too-many';
    if (known?.heardFrom.has(report.role) !== true) {
      if (!take(this.#flowsTold, row.reporter, MOST_FLOWS_OF_ONE_NODE)) return 'too-many-from-one-node';
      this.#changed.flows.add(report.flowId);
    }
    const { flowId, port, groupId } = report;
    const openedAt = onOurClock(report.openedAt, row);
    const flow = known ?? { flowId, dialler, acceptor, port, groupId, openedAt, heardFrom: new Map() };
    flow.heardFrom.set(report.role, row.at);
    this.#flows.set(flowId, flow);
    for (const end of [dialler, acceptor]) addTo(this.#flowsAt, end, flowId);
    return undefined;
  }

  #forgetNode(nodeId: number): void {
    if (this.#nodes.delete(nodeId)) this.#changed.nodes.add(nodeId);
  }

  #removeSide(tunnel: OpenTunnel, reporter: number): void {
    if (!tunnel.sides.delete(reporter)) return;
    this.#changed.tunnels.add(tunnel.id);
    give(this.#tunnelsTold, reporter);
    if (tunnel.sides.size > 0) return;
    this.#tunnels.delete(tunnel.id);
    for (const end of [tunnel.a, tunnel.b]) removeFrom(this.#tunnelsAt, end, tunnel.id);
  }

  #removeEnd(flow: OpenFlow, role: FlowReport['role']): void {
    if (!flow.heardFrom.delete(role)) return;
    this.#changed.flows.add(flow.flowId);
    give(this.#flowsTold, flow[role]);
    if (flow.heardFrom.size > 0) return;
    this.#flows.delete(flow.flowId);
    for (const end of [flow.dialler, flow.acceptor]) removeFrom(this.#flowsAt, end, flow.flowId);
  }
}

function foldSide(row: ReportRowHead, report: TunnelReport, known: TunnelSideFacts | undefined): TunnelSideFacts {
  const traffic = known?.traffic ?? new CounterWindow(TRAFFIC_WINDOW_MS);
  traffic.add(row.at, report.bytesSent + report.bytesReceived);
  const moved = known !== undefined && known.report.path !== report.path;
  const previousPath = moved ? known.report.path : known?.previousPath;
  const fellAt = fallOf(row, report, known);
  return {
    reporter: row.reporter,
    at: row.at,
    report,
    // a path's first moment is kept, since each report would place it a little differently
    pathSince: sameMoment(known?.pathSince, onOurClock(report.pathSince, row), moved),
    keySince: sameMoment(known?.keySince, onOurClock(report.keySince, row), known?.report.epoch !== report.epoch),
    lastHeard: onOurClock(report.lastHeard, row),
    traffic,
    ...(previousPath === undefined ? {} : { previousPath }),
    ...(fellAt === undefined ? {} : { fellAt }),
  };
}

function fallOf(row: ReportRowHead, report: TunnelReport, known: TunnelSideFacts | undefined): number | undefined {
  if (report.path !== 'relay') return undefined;
  if (known === undefined || known.report.path === 'relay') return known?.fellAt;
  const held = row.at - known.pathSince >= HELD_MS;
  return isStraight(known.report.path) && held ? row.at : undefined;
}

/** Delivery takes a varying time, so a moment that did not change is not moved by less than a second. */
function sameMoment(known: number | undefined, told: number, changed: boolean): number {
  return known === undefined || changed || Math.abs(known - told) > 1_000 ? told : known;
}

/** A moment of the reporter's clock on ours: as long before its arrival as it was before the report. */
function onOurClock(moment: UnixNano, row: ReportRowHead): number {
  const ageMs = Number(row.reportedAt - moment) / NANOS_PER_MS;
  return row.at - Math.max(0, ageMs);
}

function take(counts: Map<number, number>, reporter: number, limit: number): boolean {
  const count = counts.get(reporter) ?? 0;
  if (count >= limit) return false;
  counts.set(reporter, count + 1);
  return true;
}

function give(counts: Map<number, number>, reporter: number): void {
  const count = counts.get(reporter) ?? 0;
  if (count > 1) counts.set(reporter, count - 1);
  else counts.delete(reporter);
}

function addTo(sets: Map<number, Set<string>>, owner: number, id: string): void {
  const set = sets.get(owner);
  if (set === undefined) sets.set(owner, new Set([id]));
  else set.add(id);
}

function removeFrom(sets: Map<number, Set<string>>, owner: number, id: string): void {
  const set = sets.get(owner);
  set?.delete(id);
  if (set?.size === 0) sets.delete(owner);
}
