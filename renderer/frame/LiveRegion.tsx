import { useEffect, useState } from 'react';
import { healthSummary } from '../format/health-summary.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useStatusStore } from '../stores/status-store.ts';

const MIN_INTERVAL_MS = 5_000;

/** One polite line for screen readers, at most every 5 s and only when the sum of health changed. */
export function LiveRegion() {
  const [line, setLine] = useState('');
  useEffect(() => {
    const timer = setInterval(() => setLine(healthSummary(useGraphStore.getState().agents.values())), MIN_INTERVAL_MS);
    return () => clearInterval(timer);
  }, []);
  const lost = useStatusStore((state) => state.link === 'lost' || state.link === 'stopped');
  return (
    <div className="visually-hidden">
      <div aria-live="polite">{lost ? '' : line}</div>
      <div aria-live="assertive">{lost ? 'The engine is not connected.' : ''}</div>
    </div>
  );
}
