import type { PathKindName } from '../../node-core/contract/shapes.ts';

/** A path kind as its line pattern in its own colour. The word stands beside it. */
export function PathSwatch({ path }: { path: PathKindName }) {
  return (
    <svg className={`path-swatch path-${path}`} width="24" height="8" viewBox="0 0 24 8" aria-hidden="true">
      {PATTERNS[path]}
    </svg>
  );
}

const PATTERNS = {
  lan: <path d="M0 2.5H24M0 5.5H24" stroke="currentColor" strokeWidth="1.3" />,
  direct: <path d="M0 4H24" stroke="currentColor" strokeWidth="2" />,
  punched: <path d="M0 4H9M15 4H24M9 1V7M15 1V7" stroke="currentColor" strokeWidth="1.8" />,
  relay: (
    <>
      <path d="M0 4H7M17 4H24" stroke="currentColor" strokeWidth="1.8" />
      <circle cx="12" cy="4" r="2.8" fill="currentColor" />
    </>
  ),
  compat: (
    <>
      <path d="M0 4H24" stroke="currentColor" strokeWidth="1.8" strokeDasharray="2.5 2" />
      <rect x="9.5" y="1.5" width="5" height="5" fill="currentColor" />
    </>
  ),
  unknown: <path d="M0 4H24" stroke="currentColor" strokeWidth="1.6" strokeDasharray="1.5 4.5" />,
} as const;

/** The words of the path kinds, in the order of legends and bars: straight ones first. */
export const PATH_KINDS = ['lan', 'direct', 'punched', 'relay', 'compat', 'unknown'] as const;
