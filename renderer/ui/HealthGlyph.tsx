import type { HealthState } from '../../node-core/contract/shapes.ts';

/** Health as a shape of its own, so that it is read without its colour: dot, triangle, crossed square, broken ring. */
export function HealthGlyph({ state, size = 10 }: { state: HealthState; size?: number }) {
  return (
    <svg className={`health-glyph is-${state}`} width={size} height={size} viewBox="0 0 10 10" aria-hidden="true">
      {SHAPES[state]}
    </svg>
  );
}

const SHAPES = {
  ok: <circle cx="5" cy="5" r="3" fill="currentColor" />,
  degraded: <path d="M5 0.6 9.8 9.2H0.2Z" fill="currentColor" />,
  failing: (
    <>
      <rect x="0.4" y="0.4" width="9.2" height="9.2" rx="1" fill="currentColor" />
      <path className="health-cross" d="M3 3l4 4M7 3l-4 4" strokeWidth="1.5" />
    </>
  ),
  unknown: (
    <circle cx="5" cy="5" r="3.7" fill="none" stroke="currentColor" strokeWidth="1.4" strokeDasharray="2.2 1.5" />
  ),
} as const;
