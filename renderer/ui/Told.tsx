import type { ReactNode } from 'react';
import { formatAge } from '../format/duration.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { useNow } from './use-now.ts';

/** Older than this, the age stands beside the value: three reports of a node that reports every 5 s. */
const STALE_MS = 15_000;

interface ToldProps {
  /** Undefined is drawn as "unknown", never left out. */
  readonly told: { readonly source: string; readonly at: number } | undefined;
  readonly children: ReactNode;
}

/** A value with who told it and how long ago. */
export function Told({ told, children }: ToldProps) {
  const now = useNow();
  if (told === undefined) return <span className="t3">unknown</span>;
  const age = Math.max(0, now - told.at);
  const source = told.source === 'measured here' ? told.source : `told by ${formatSafeText(told.source)}`;
  return (
    <span className={age > STALE_MS ? 'told is-stale' : 'told'} title={`${source}, ${formatAge(age)} ago`}>
      {children} <small>{`${source}, ${formatAge(age)} ago`}</small>
    </span>
  );
}
