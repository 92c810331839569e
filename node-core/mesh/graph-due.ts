import { REPORTS_FOR_MS } from './graph-drawing.ts';
import { type GraphFacts, lastHeardOf, leadingSide } from './graph-facts.ts';
import { FALL_MATTERS_MS, SILENT_AFTER_MS, UNKNOWN_AFTER_MS } from './health.ts';
import { TRAFFIC_WINDOW_MS, type TunnelFacts, tunnelId } from './topology.ts';

/** How soon a judgement over a window of time is made anew, while something in it matters. */
const WINDOW_STEP_MS = 5_000;

/** When an agent may look different without any news: silence grows, evidence ages. Undefined for never. */
export function agentChangesAt(facts: GraphFacts, nodeId: number, now: number): number | undefined {
  if (facts.self?.nodeId === nodeId) return undefined;
  const heard = lastHeardOf(facts, nodeId);
  const node = facts.topology.nodes.get(nodeId);
  const own =
    facts.self && facts.topology.tunnels.get(tunnelId(facts.self.nodeId, nodeId))?.sides.get(facts.self.nodeId);
  return earliestAfter(now, [
    after(heard, UNKNOWN_AFTER_MS),
    after(facts.liveness.get(nodeId)?.silentSince(heard), SILENT_AFTER_MS),
    after(node?.at, REPORTS_FOR_MS),
    after(own?.fellAt, FALL_MATTERS_MS),
    (node?.failures.increase(now) ?? 0) > 0 ? now + WINDOW_STEP_MS : undefined,
  ]);
}

/** When a tunnel may look different without any news. Undefined for never. */
export function tunnelChangesAt(facts: GraphFacts, tunnel: TunnelFacts, now: number): number | undefined {
  const leading = leadingSide(facts, tunnel);
  const self = facts.self?.nodeId;
  const peer = tunnel.a === self ? tunnel.b : tunnel.b === self ? tunnel.a : undefined;
  const sides = [...tunnel.sides.values()];
  const silent =
    peer === undefined
      ? sides.find((side) => side.report.lossRatio === 1)?.lastHeard
      : facts.liveness.get(peer)?.silentSince(lastHeardOf(facts, peer));
  return earliestAfter(now, [
    after(leading?.at, UNKNOWN_AFTER_MS),
    after(silent, SILENT_AFTER_MS),
    after(leading?.fellAt, FALL_MATTERS_MS),
    ...sides.map((side) => (side.traffic.perSecond(now) > 0 ? side.at + TRAFFIC_WINDOW_MS + 1 : undefined)),
  ]);
}

function after(moment: number | undefined, ms: number): number | undefined {
  return moment === undefined ? undefined : moment + ms;
}

function earliestAfter(now: number, moments: readonly (number | undefined)[]): number | undefined {
  let first: number | undefined;
  for (const moment of moments) {
    if (moment !== undefined && moment > now && (first === undefined || moment < first)) first = moment;
  }
  return first;
}
