import { EdgeLabelRenderer, type EdgeProps } from '@xyflow/react';
import { memo, useContext, useState } from 'react';
import type { Tunnel } from '../../node-core/contract/graph.ts';
import { formatRate } from '../format/bytes.ts';
import { formatAge, formatDuration } from '../format/duration.ts';
import { formatPlural } from '../format/number.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { PathSwatch } from '../ui/PathSwatch.tsx';
import { type EdgePath, edgePath } from './edge-path.ts';
import type { TunnelData, TunnelFlowEdge } from './elements.ts';
import { freePlace, Obstacles } from './label-room.ts';
import { tunnelLabel } from './labels.ts';
import { MEASURES } from './layout.ts';
import { useRecent } from './use-recent.ts';

const PATH_LABEL_MS = 5_000;
/** The label of a segment stands towards its agent: the beacon's name stands at the other end. */
const LABEL_AT = { whole: 0.5, 'to beacon': 0.3, 'from beacon': 0.7 } as const;

/** A tunnel: its health is the stroke, its traffic the width, its path the dash and, on the label, the swatch and word. */
export const TunnelEdge = memo(function TunnelEdge(props: EdgeProps<TunnelFlowEdge>) {
  const { data } = props;
  const first = data?.tunnelIds[0] ?? '';
  const tunnel = useGraphStore((state) => state.tunnels.get(first));
  const rate = useGraphStore((state) => totalRate(data?.tunnelIds ?? [], state.tunnels));
  const selected = useViewStore(({ selection }) => selection?.kind === 'tunnel' && selection.id === first);
  const colour = useViewStore((state) => state.colour);
  const [hovered, setHovered] = useState(false);
  const changed = useRecent(tunnel?.previousPath === undefined ? 0 : tunnel.pathSince, PATH_LABEL_MS);
  if (tunnel === undefined || data === undefined) return null;
  const path = pathOf(props, data);
  const attention = tunnel.health.state === 'degraded' || tunnel.health.state === 'failing';
  const several = data.tunnelIds.length > 1;
  const classes = ['tunnel', `is-${tunnel.health.state}`, `by-${tunnel.path}`];
  if (colour === 'path' && !several) classes.push('in-path-colour');
  if (selected) classes.push('is-selected');
  if (data.dimmed) classes.push('is-dimmed');
  return (
    <>
      <g className={classes.join(' ')} onPointerEnter={() => setHovered(true)} onPointerLeave={() => setHovered(false)}>
        <Strokes d={path.d} width={widthOf(rate)} path={several ? 'direct' : tunnel.path} />
        <EdgeName data={data} tunnel={tunnel} />
      </g>
      {(attention || selected || hovered || changed || several) && (
        <EdgeLabel
          tunnel={tunnel}
          data={data}
          path={path}
          rate={rate}
          changed={changed}
          needed={attention || selected || hovered || changed}
        />
      )}
    </>
  );
});

function pathOf(props: EdgeProps<TunnelFlowEdge>, data: TunnelData): EdgePath {
  const gap = props.source.startsWith('agent:') && isNear(props) ? MEASURES.near : MEASURES.mid;
  return edgePath(
    {
      x: props.sourceX,
      y: props.sourceY,
      side: props.sourcePosition,
      detour: data.sourceDetour,
      reach: reachOf(props.source),
    },
    {
      x: props.targetX,
      y: props.targetY,
      side: props.targetPosition,
      detour: data.targetDetour,
      reach: reachOf(props.target),
    },
    (gap.card.height + gap.gap) / 2,
  );
}

/** Edges of a beacon swing out past this node, which stands below or above it. */
const reachOf = (key: string): number => (key.startsWith('beacon:') ? 116 : 0);

/** Detours are as long as the cards they pass, so they tell the level. */
function isNear({ data }: EdgeProps<TunnelFlowEdge>): boolean {
  return (
    Math.abs(data?.sourceDetour ?? 0) > MEASURES.near.card.width ||
    Math.abs(data?.targetDetour ?? 0) > MEASURES.near.card.width
  );
}

function totalRate(ids: readonly string[], tunnels: ReadonlyMap<string, Tunnel>): number {
  return ids.reduce((sum, id) => sum + (tunnels.get(id)?.bytesPerSecond ?? 0), 0);
}

/** 1 to 6 px on a logarithmic scale: 100 B/s and below is 1, 10 MB/s and above is 6. */
export function widthOf(bytesPerSecond: number): number {
  const decades = Math.log10(Math.max(100, bytesPerSecond) / 100);
  return Math.round((1 + Math.min(5, decades)) * 10) / 10;
}

function Strokes({ d, width, path }: { d: string; width: number; path: Tunnel['path'] }) {
  return (
    <>
      <path className="tunnel-catch" d={d} fill="none" strokeWidth={16} />
      <path className="tunnel-halo" d={d} fill="none" strokeWidth={width + 5} />
      <path className="tunnel-line" d={d} fill="none" strokeWidth={path === 'lan' ? width + 2 : width} />
      {path === 'lan' && <path className="tunnel-core" d={d} fill="none" strokeWidth={Math.max(1, width - 0.5)} />}
    </>
  );
}

/** The name for readers; the second half of a relayed tunnel has none of its own. */
function EdgeName({ data, tunnel }: { data: TunnelData; tunnel: Tunnel }) {
  const label = useGraphStore((state) => tunnelLabel(tunnel, state.agents, state.beacons));
  if (data.segment === 'from beacon') return null;
  const text = data.tunnelIds.length > 1 ? formatPlural(data.tunnelIds.length, 'tunnel') : label;
  return (
    <g role="img" aria-label={text}>
      <title>{text}</title>
    </g>
  );
}

interface EdgeLabelProps {
  readonly tunnel: Tunnel;
  readonly data: TunnelData;
  readonly path: EdgePath;
  readonly rate: number;
  readonly changed: boolean;
  /** Shown even where it has to cover something. */
  readonly needed: boolean;
}

/** Room for the usual words whatever their figures: no label moves because a number changed. */
const LABEL_SIZE = { width: 120, height: 15 } as const;

function EdgeLabel({ tunnel, data, path, rate, changed, needed }: EdgeLabelProps) {
  const obstacles = useContext(Obstacles);
  const asked = LABEL_AT[data.segment];
  const place = freePlace(path, asked, LABEL_SIZE, obstacles) ?? (needed ? path.along(asked) : undefined);
  if (place === undefined) return null;
  const several = data.tunnelIds.length > 1;
  const half = data.segment !== 'whole';
  const [plain, strong] = several
    ? [`${formatPlural(data.tunnelIds.length, 'tunnel')}, ${formatRate(rate)}`, '']
    : tunnelWords(tunnel, half, changed);
  return (
    <EdgeLabelRenderer>
      <div className="edge-label" style={{ transform: `translate(-50%, -50%) translate(${place.x}px, ${place.y}px)` }}>
        {!several && <TunnelMark tunnel={tunnel} half={half} />}
        <span>
          {plain}
          {strong !== '' && <b>{strong}</b>}
        </span>
      </div>
    </EdgeLabelRenderer>
  );
}

/** The words of one tunnel's label: plain ones, then strong ones. */
function tunnelWords(tunnel: Tunnel, half: boolean, changed: boolean): readonly [plain: string, strong: string] {
  if (changed && tunnel.previousPath !== undefined) return ['', `${tunnel.previousPath} to ${tunnel.path}`];
  if (tunnel.rtt === undefined) {
    return ['', `${tunnel.health.state} ${formatAge(Math.max(0, Date.now() - tunnel.health.since))}`];
  }
  if (half) return ['', `${formatDuration(tunnel.rtt.value / 2, 2)} est.`];
  return [`${tunnel.path} `, formatDuration(tunnel.rtt.value, 2)];
}

function TunnelMark({ tunnel, half }: { tunnel: Tunnel; half: boolean }) {
  const { state } = tunnel.health;
  const needsAttention = state === 'failing' || state === 'degraded';
  return needsAttention && !half ? <HealthGlyph state={state} /> : <PathSwatch path={tunnel.path} />;
}
