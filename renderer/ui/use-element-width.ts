import { type RefObject, useEffect, useRef, useState } from 'react';

/** The width of an element's content, px, as it changes; 0 before it is known. */
export function useElementWidth<T extends HTMLElement>(): {
  readonly ref: RefObject<T | null>;
  readonly widthPx: number;
} {
  const ref = useRef<T>(null);
  const [widthPx, setWidthPx] = useState(0);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidthPx(Math.round(entry?.contentRect.width ?? 0)));
    if (ref.current !== null) observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return { ref, widthPx };
}
