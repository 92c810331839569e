import { useEffect, useState } from 'react';

/** True for `forMs` after `since` (Unix milliseconds), then false without any further change to look at. */
export function useRecent(since: number, forMs: number): boolean {
  const [, setPassed] = useState(0);
  const left = since + forMs - Date.now();
  useEffect(() => {
    const remaining = since + forMs - Date.now();
    if (remaining <= 0) return undefined;
    const timer = setTimeout(() => setPassed(since), remaining);
    return () => clearTimeout(timer);
  }, [since, forMs]);
  return left > 0;
}
