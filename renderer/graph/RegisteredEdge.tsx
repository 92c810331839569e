import { type EdgeProps, getStraightPath } from '@xyflow/react';
import { memo } from 'react';

/** Dots between this node and a beacon: it is registered there. */
export const RegisteredEdge = memo(function RegisteredEdge({ sourceX, sourceY, targetX, targetY }: EdgeProps) {
  const [d] = getStraightPath({ sourceX, sourceY, targetX, targetY });
  return <path className="registered-line" d={d} fill="none" aria-hidden="true" />;
});
