import { expect } from 'vitest';
import type { Inspector } from '../inspector.ts';
import { MALICE, type Surface } from './surface.ts';

/** An honest request beside the attack; rejects when it is not answered. */
export type Honest = () => Promise<unknown>;

/** Processes by role, whose heaps are measured. */
export type Processes = ReadonlyMap<string, Inspector>;

/** What one surface was sent, and what it did to those who were attacked. */
export interface SiegeReport {
  readonly inputs: number;
  readonly seconds: number;
  /** The slowest honest answer while the attack went on, in milliseconds. */
  readonly slowestMs: number;
  /** Bytes by process, after a collection: at 5,000 inputs and at the end. */
  readonly heaps: ReadonlyMap<string, { readonly early: number; readonly late: number }>;
}

export const INPUTS = 20_000;
const EARLY = 5_000;
/** Longer than this nobody honest waits while others attack. */
export const PATIENCE_MS = 2_000;
/** What was under way when the inputs ended, closes within this time. */
const SETTLE_MS = 2_500;

/**
 * Sends a surface its inputs, a third of each malice, and asks honestly between the bursts. The heaps are read after a
 * collection early on and at the end.
 */
export async function besiege(surface: Surface, honest: Honest, processes: Processes): Promise<SiegeReport> {
  const startedAt = performance.now();
  let slowestMs = 0;
  let early = new Map<string, number>();
  for (let sent = 0; sent < INPUTS; ) {
    const goal = sent < EARLY ? EARLY : INPUTS;
    const burst = Math.min(surface.atOnce, goal - sent);
    const under = Array.from({ length: burst }, (_, index) =>
      surface.hurl(MALICE[(sent + index) % MALICE.length] as (typeof MALICE)[number]),
    );
    sent += burst;
    const askedAt = performance.now();
    await Promise.all([
      ...under,
      honest().then(() => {
        slowestMs = Math.max(slowestMs, performance.now() - askedAt);
      }),
    ]);
    if (sent === EARLY) early = await heapsOf(processes);
  }
  const late = await heapsOf(processes);
  const heaps = new Map([...late].map(([role, bytes]) => [role, { early: early.get(role) ?? 0, late: bytes }]));
  return { inputs: INPUTS, seconds: (performance.now() - startedAt) / 1_000, slowestMs, heaps };
}

/** Heaps may differ by this much, in bytes, between the early reading and the late one. */
const MOST_GROWTH = 5 * 1024 * 1024;

export function expectNoHarm(surface: Surface, report: SiegeReport): void {
  for (const [role, { early, late }] of report.heaps) {
    expect.soft(late - early, `heap of ${role} while ${surface.name} was attacked`).toBeLessThan(MOST_GROWTH);
  }
  expect.soft(report.slowestMs, `slowest honest answer beside ${surface.name}`).toBeLessThan(PATIENCE_MS);
}

export function figures(surface: Surface, { inputs, seconds, slowestMs, heaps }: SiegeReport): string {
  const mega = (bytes: number) => (bytes / 1_048_576).toFixed(1);
  const grown = [...heaps].map(([role, { early, late }]) => `${role} ${mega(early)} -> ${mega(late)} MB`).join(', ');
  return `${surface.name}: ${inputs} in ${seconds.toFixed(1)} s, slowest answer ${slowestMs.toFixed(0)} ms; ${grown}`;
}

async function heapsOf(processes: Processes): Promise<Map<string, number>> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const heaps = new Map<string, number>();
  for (const [role, inspector] of processes) heaps.set(role, await inspector.heapAfterCollection());
  return heaps;
}
