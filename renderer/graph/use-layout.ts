import { useEffect, useRef, useState } from 'react';
import type { LayoutRequest, LayoutResult } from './layout.ts';

/** The newest layout of the newest request; the picture before stays until the worker has answered. */
export function useLayout(request: LayoutRequest): LayoutResult | undefined {
  const [result, setResult] = useState<LayoutResult | undefined>(undefined);
  const worker = useRef<Worker | undefined>(undefined);
  const newest = useRef(0);
  const asked = useRef('');

  useEffect(() => {
    const started = new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' });
    started.addEventListener('message', (event: MessageEvent<{ id: number; result: LayoutResult }>) => {
      if (event.data.id === newest.current) setResult(event.data.result);
    });
    worker.current = started;
    return () => started.terminate();
  }, []);

  useEffect(() => {
    const text = JSON.stringify(request);
    if (text === asked.current) return;
    asked.current = text;
    newest.current++;
    worker.current?.postMessage({ id: newest.current, request });
  }, [request]);

  return result;
}
