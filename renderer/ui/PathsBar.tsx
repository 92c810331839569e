import type { Tunnel } from '../../node-core/contract/graph.ts';
import type { PathKindName } from '../../node-core/contract/shapes.ts';
import { formatCount } from '../format/number.ts';
import { PATH_KINDS, PathSwatch } from './PathSwatch.tsx';
import { Section } from './Section.tsx';
import { SegmentBar } from './SegmentBar.tsx';

/** How many tunnels take each kind of path, and how many go straight to the peer. */
export function PathsBar({ title, tunnels }: { title: string; tunnels: readonly Tunnel[] }) {
  const counts = countPaths(tunnels);
  const third = counts.relay + counts.compat;
  const straight = counts.lan + counts.direct + counts.punched;
  const segments = PATH_KINDS.map((path) => ({ kind: path, label: `${path} ${counts[path]}`, value: counts[path] }));
  return (
    <Section title={title} figure={`${formatCount(straight)} straight, ${formatCount(third)} through a third party`}>
      <SegmentBar segments={segments} />
      <ul className="path-counts">
        {PATH_KINDS.map((path) => (
          <li key={path}>
            <PathSwatch path={path} /> {path} <b>{formatCount(counts[path])}</b>
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Tunnels by kind of path. */
export function countPaths(tunnels: readonly Tunnel[]): Record<PathKindName, number> {
  const counts: Record<PathKindName, number> = { lan: 0, direct: 0, punched: 0, relay: 0, compat: 0, unknown: 0 };
  for (const tunnel of tunnels) counts[tunnel.path]++;
  return counts;
}
