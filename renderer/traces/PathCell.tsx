import { useEffect } from 'react';
import type { TraceSummary } from '../../node-core/contract/trace.ts';
import { unwantPath, wantPath } from '../client/path-feed.ts';
import { formatDuration } from '../format/duration.ts';
import { useTraceStore } from '../stores/trace-store.ts';
import { SegmentBar } from '../ui/SegmentBar.tsx';
import { byKind, criticalShares } from './span-text.ts';

/** Where the time of a trace in the list went, on a scale that all rows share. */
export function PathCell({ trace, scaleMs }: { trace: TraceSummary; scaleMs: number }) {
  const path = useTraceStore((state) => state.paths.get(trace.traceId));
  useEffect(() => {
    wantPath(trace);
    return () => unwantPath(trace.traceId);
  }, [trace]);
  if (path === undefined) return null;
  const shares = criticalShares(path);
  const words = shares.map(({ label, value }) => `${label} ${formatDuration(value)}`).join(', ');
  const width = Math.min(1, path.durationMs / scaleMs);
  return (
    <span className="path-bar" role="img" aria-label={words} title={words} style={{ width: `${width * 100}%` }}>
      <SegmentBar segments={byKind(shares)} />
    </span>
  );
}
