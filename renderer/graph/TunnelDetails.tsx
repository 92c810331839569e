import { useMemo, useState } from 'react';
import type { Agent, OpenFlow, Tunnel, TunnelSide } from '../../node-core/contract/graph.ts';
import { pingAgent } from '../client/acts.ts';
import { agentName } from '../format/agent-name.ts';
import { formatBytes, formatRate } from '../format/bytes.ts';
import { formatClock } from '../format/clock.ts';
import { formatAge, formatDuration } from '../format/duration.ts';
import { formatCount, formatPercent } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { Gone, InspectorHead } from '../shell/InspectorHead.tsx';
import { useGraphStore } from '../stores/graph-store.ts';
import { EndsTable } from '../ui/EndsTable.tsx';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { Name } from '../ui/Name.tsx';
import { PathSwatch } from '../ui/PathSwatch.tsx';
import { Acts, Fact, Facts, Section } from '../ui/Section.tsx';
import { Segmented } from '../ui/Segmented.tsx';
import { Told } from '../ui/Told.tsx';
import { useNow } from '../ui/use-now.ts';
import { beaconOf, tunnelName } from './labels.ts';

/** One tunnel: its path now, what each end says of it, and the streams inside. */
export function TunnelDetails({ id }: { id: string }) {
  const tunnel = useGraphStore((state) => state.tunnels.get(id));
  const agents = useGraphStore((state) => state.agents);
  const self = useGraphStore((state) => state.self);
  const [tab, setTab] = useState<'now' | 'streams'>('now');
  if (tunnel === undefined) return <Gone kind="Tunnel" name={id} />;
  const other = tunnel.a === self ? tunnel.b : tunnel.b === self ? tunnel.a : undefined;
  const name = tunnelName(tunnel, agents);
  return (
    <>
      <InspectorHead
        kind="Tunnel"
        title={<Name text={name} />}
        sentence={<PathSentence tunnel={tunnel} />}
        copy={{ text: name, what: 'the name' }}
        pinnable
      />
      <div className="inspector-tabs">
        <Segmented
          label="Part"
          value={tab}
          options={[
            { value: 'now', text: 'Now' },
            { value: 'streams', text: `Streams ${tunnel.openStreams}` },
          ]}
          onChange={setTab}
        />
      </div>
      <div className="inspector-body">
        {tab === 'now' ? <Now tunnel={tunnel} agents={agents} /> : <Streams tunnel={tunnel} agents={agents} />}
      </div>
      {other !== undefined && (
        <Acts>
          <button type="button" className="button is-primary" onClick={() => void pingAgent(other)}>
            Ping {formatSafeText(agentName(other, agents))}
          </button>
        </Acts>
      )}
    </>
  );
}

const PATH_WORDS = {
  lan: 'Over the local network',
  direct: 'Direct',
  punched: 'Punched through NAT',
  relay: 'Relayed',
  compat: 'Through the compatibility gateway',
  unknown: 'By an unknown path',
} as const;

function PathSentence({ tunnel }: { tunnel: Tunnel }) {
  const now = useNow();
  const beacons = useGraphStore((state) => state.beacons);
  const through =
    tunnel.path === 'relay' ? ` through ${formatSafeText(beaconOf(tunnel, beacons) ?? 'an unknown beacon')}` : '';
  const before = tunnel.previousPath === undefined ? '' : `, before that ${tunnel.previousPath}`;
  return (
    <>
      <PathSwatch path={tunnel.path} /> <b>{`${PATH_WORDS[tunnel.path]}${through}`}</b> for{' '}
      {formatDuration(Math.max(0, now - tunnel.pathSince))}
      {before}. <HealthGlyph state={tunnel.health.state} /> {tunnel.health.state}:{' '}
      {formatSafeText(tunnel.health.reason)}
    </>
  );
}

function Now({ tunnel, agents }: { tunnel: Tunnel; agents: ReadonlyMap<number, Agent> }) {
  const beacons = useGraphStore((state) => state.beacons);
  const beacon = beaconOf(tunnel, beacons);
  const newest = [...tunnel.sides].sort((a, b) => b.at - a.at)[0];
  return (
    <>
      <Section title="Now">
        <Facts>
          <Fact name="path">
            <Told told={newest}>{tunnel.path}</Told>
          </Fact>
          {tunnel.path === 'relay' && (
            <Fact name="beacon">{beacon === undefined ? 'unknown' : <Name text={beacon} />}</Fact>
          )}
          <Fact name="since">{formatClock(tunnel.pathSince)}</Fact>
          <Fact name="state">{tunnel.state === 'key-exchange' ? 'exchanging keys' : tunnel.state}</Fact>
          <Fact name="round trip">
            <Told told={tunnel.rtt}>{tunnel.rtt !== undefined && formatDuration(tunnel.rtt.value)}</Told>
          </Fact>
          <Fact name="loss">
            <Told told={tunnel.loss}>{tunnel.loss !== undefined && formatPercent(tunnel.loss.value)}</Told>
          </Fact>
          <Fact name="traffic">
            <Told told={newest}>{formatRate(tunnel.bytesPerSecond)}</Told>
          </Fact>
          <Fact name="encryption">
            {tunnel.state === 'established' ? (
              <Told told={newest}>AES-256-GCM</Told>
            ) : (
              <span className="t3">not yet</span>
            )}
          </Fact>
          <Fact name="key">
            <KeyAge side={newest} />
          </Fact>
        </Facts>
      </Section>
      <Section title="Both ends">
        <BothEnds tunnel={tunnel} agents={agents} />
      </Section>
    </>
  );
}

function KeyAge({ side }: { side: TunnelSide | undefined }) {
  const now = useNow();
  return (
    <Told told={side}>
      {side !== undefined && `${formatAge(Math.max(0, now - side.keySince))} old, epoch ${formatCount(side.epoch)}`}
    </Told>
  );
}

const SIDE_ROWS: readonly (readonly [name: string, value: (side: TunnelSide, now: number) => string])[] = [
  ['path', (side) => side.path],
  ['round trip', (side) => (side.rttMs === undefined ? 'unknown' : formatDuration(side.rttMs))],
  ['loss', (side) => (side.lossRatio === undefined ? 'unknown' : formatPercent(side.lossRatio))],
  ['sent', (side) => formatBytes(side.bytesSent)],
  ['received', (side) => formatBytes(side.bytesReceived)],
  ['packets sent', (side) => formatCount(side.packetsSent)],
  ['packets received', (side) => formatCount(side.packetsReceived)],
  ['key age', (side, now) => formatAge(Math.max(0, now - side.keySince))],
  ['epoch', (side) => formatCount(side.epoch)],
  ['open streams', (side) => formatCount(side.openStreams)],
  ['last heard', (side, now) => `${formatAge(Math.max(0, now - side.lastHeard))} ago`],
  ['told', (side, now) => `${formatAge(Math.max(0, now - side.at))} ago`],
];

interface End {
  readonly nodeId: number;
  readonly name: string;
  readonly side: TunnelSide | undefined;
}

function BothEnds({ tunnel, agents }: { tunnel: Tunnel; agents: ReadonlyMap<number, Agent> }) {
  const now = useNow();
  const ends = [tunnel.a, tunnel.b].map(
    (nodeId): End => ({
      nodeId,
      name: formatSafeText(agentName(nodeId, agents)),
      side: tunnel.sides.find((side) => side.reporter === nodeId),
    }),
  );
  const silent = ends.filter((end) => end.side === undefined);
  return (
    <>
      <EndsTable
        ends={ends}
        keyOf={(end) => String(end.nodeId)}
        head={(end) => <bdi>{end.name}</bdi>}
        rows={SIDE_ROWS.map(([name, value]) => [
          name,
          ({ side }: End) => (side === undefined ? <span className="t3">unknown</span> : value(side, now)),
        ])}
      />
      {silent.map((end) => (
        <p key={end.nodeId} className="note">{`${end.name} does not report: its half is unknown.`}</p>
      ))}
    </>
  );
}

function Streams({ tunnel, agents }: { tunnel: Tunnel; agents: ReadonlyMap<number, Agent> }) {
  const flows = useGraphStore((state) => state.flows);
  const now = useNow();
  const own = useMemo(
    () => [...flows.values()].filter((flow) => carries(tunnel, flow)).sort((a, b) => b.openedAt - a.openedAt),
    [flows, tunnel],
  );
  if (own.length === 0) return <p className="note in-body">No open streams are reported.</p>;
  const nameOf = (nodeId: number) => formatSafeText(agentName(nodeId, agents));
  return (
    <Section title="Open streams" figure={formatCount(own.length)}>
      <table className="table">
        <thead>
          <tr>
            <th>from, to</th>
            <th className="figure">port</th>
            <th className="figure">open for</th>
            <th>seen from</th>
          </tr>
        </thead>
        <tbody>
          {own.map((flow) => (
            <tr key={flow.flowId} title={flow.flowId}>
              <td>
                <bdi>{nameOf(flow.dialler)}</bdi> to <bdi>{nameOf(flow.acceptor)}</bdi>
              </td>
              <td className="figure">{flow.port}</td>
              <td className="figure">{formatAge(Math.max(0, now - flow.openedAt))}</td>
              <td>{flow.ends === 'both' ? 'both ends' : `one end, the ${flow.ends}`}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function carries(tunnel: Tunnel, flow: OpenFlow): boolean {
  return (
    (tunnel.a === flow.dialler && tunnel.b === flow.acceptor) ||
    (tunnel.b === flow.dialler && tunnel.a === flow.acceptor)
  );
}
