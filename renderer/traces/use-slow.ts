import { useEffect, useState } from 'react';

/** Whether something that runs since `since` (Unix milliseconds) has run for longer than `afterMs`. */
export function useSlow(since: number | undefined, afterMs: number): boolean {
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    setSlow(false);
    if (since === undefined) return undefined;
    const timer = setTimeout(() => setSlow(true), Math.max(0, since + afterMs - Date.now()));
    return () => clearTimeout(timer);
  }, [since, afterMs]);
  return slow && since !== undefined;
}
