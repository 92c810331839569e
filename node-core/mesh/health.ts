import type { Health, HealthState } from '../contract/shapes.ts';

/** What is known about an agent or a tunnel when its health is judged. Absent means unknown, never zero. */
export interface HealthEvidence {
  /** Unix milliseconds of the last sign of life, from whoever told it. */
  readonly lastEvidenceAt?: number | undefined;
  /** Since when it was asked on all its paths and did not answer. */
  readonly silentSince?: number | undefined;
  /** Requests it handled in the last minute, and how many of them failed. */
  readonly requests?: number | undefined;
  readonly failures?: number | undefined;
  /** Share of pings without an answer, 0 to 1. */
  readonly lossRatio?: number | undefined;
  /** 95th percentile of its round trips now, and over its last hour. */
  readonly p95Ms?: number | undefined;
  readonly p95HourMs?: number | undefined;
  /** When its path fell from a straight one to a relay, if it is relayed still. */
  readonly fellAt?: number | undefined;
}

export interface HealthLimits {
  readonly p95Ms: number;
}

export const DEFAULT_LIMITS: HealthLimits = { p95Ms: 500 };

export const SILENT_AFTER_MS = 10_000;
export const UNKNOWN_AFTER_MS = 60_000;
const FAILING_SHARE = 0.05;
const LOSS_LIMIT = 0.01;
const TIMES_ITS_HOUR = 3;
/** Three times next to nothing is still next to nothing: below this a slower answer is noise of the machine. */
const SLOW_AT_LEAST_MS = 20;
export const FALL_MATTERS_MS = 30 * 60_000;

/**
 * The one rule of health, for agents and tunnels. Failing: silent on all paths for 10 s, or 5 % and more of its requests
 * fail in a minute. Degraded: p95 over its limit or 3 times its own last hour, loss of 1 % and more, or it fell from
 * straight to relayed in the last 30 min. Unknown: no evidence for 60 s. A relay by itself is not a fault.
 *
 * @returns The state and, in words, why.
 */
export function judgeHealth(
  evidence: HealthEvidence,
  now: number,
  limits: HealthLimits = DEFAULT_LIMITS,
): { readonly state: HealthState; readonly reason: string } {
  const failing = whyFailing(evidence, now);
  if (failing !== undefined) return { state: 'failing', reason: failing };
  const unknown = whyUnknown(evidence, now);
  if (unknown !== undefined) return { state: 'unknown', reason: unknown };
  const degraded = whyDegraded(evidence, now, limits);
  if (degraded !== undefined) return { state: 'degraded', reason: degraded };
  return { state: 'ok', reason: 'no fault seen' };
}

/** The judgement with the moment since when its state holds, which a changed reason does not move. */
export function continueHealth(
  previous: Health | undefined,
  judged: { readonly state: HealthState; readonly reason: string },
  now: number,
): Health {
  return { ...judged, since: previous?.state === judged.state ? previous.since : now };
}

function whyFailing(evidence: HealthEvidence, now: number): string | undefined {
  const { silentSince, requests = 0, failures = 0 } = evidence;
  if (silentSince !== undefined && now - silentSince >= SILENT_AFTER_MS) return 'silent on all paths';
  if (failures > 0 && requests > 0 && failures / requests >= FAILING_SHARE) {
    return `${failures} of ${requests} requests failed in 1 min`;
  }
  return undefined;
}

function whyUnknown({ lastEvidenceAt }: HealthEvidence, now: number): string | undefined {
  if (lastEvidenceAt === undefined) return 'not heard yet';
  return now - lastEvidenceAt >= UNKNOWN_AFTER_MS ? 'no evidence for 60 s' : undefined;
}

function whyDegraded(evidence: HealthEvidence, now: number, limits: HealthLimits): string | undefined {
  const { p95Ms, p95HourMs, lossRatio, fellAt } = evidence;
  if (lossRatio !== undefined && lossRatio >= LOSS_LIMIT) return `${(lossRatio * 100).toFixed(1)} % of pings are lost`;
  if (p95Ms !== undefined && p95Ms > limits.p95Ms) {
    return `p95 ${milliseconds(p95Ms)} is over its limit of ${milliseconds(limits.p95Ms)}`;
  }
  if (p95Ms !== undefined && p95HourMs !== undefined && p95Ms >= TIMES_ITS_HOUR * p95HourMs) {
    if (p95Ms >= SLOW_AT_LEAST_MS) return `p95 ${milliseconds(p95Ms)}, ${milliseconds(p95HourMs)} in its last hour`;
  }
  if (fellAt !== undefined && now - fellAt < FALL_MATTERS_MS) return 'fell from a straight path to a relay';
  return undefined;
}

function milliseconds(value: number): string {
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(2)} ms`;
}
