import { useEffect, useMemo, useState } from 'react';
import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import type { TraceSummary } from '../../node-core/contract/trace.ts';
import { copyText, pingAgent, removeTrust, trustAgain } from '../client/acts.ts';
import { ask } from '../client/deck.ts';
import { openTrace } from '../client/trace-feed.ts';
import { formatShortId } from '../format/address.ts';
import { agentName } from '../format/agent-name.ts';
import { formatClockMillis } from '../format/clock.ts';
import { formatAge, formatDuration, formatOffset } from '../format/duration.ts';
import { formatCount, formatPercent } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { Gone, InspectorHead } from '../shell/InspectorHead.tsx';
import { nodeNames, useGraphStore } from '../stores/graph-store.ts';
import { NO_GROUP } from '../stores/home-group.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { HealthRow } from '../ui/HealthRow.tsx';
import { Name } from '../ui/Name.tsx';
import { PathSwatch } from '../ui/PathSwatch.tsx';
import { PathsBar } from '../ui/PathsBar.tsx';
import { Acts, Fact, Facts, Section } from '../ui/Section.tsx';
import { Told } from '../ui/Told.tsx';
import { useNow } from '../ui/use-now.ts';
import { tunnelName } from './labels.ts';

/** One agent: how it is and why, who it is, its tunnels and its last traces. */
export function AgentDetails({ nodeId }: { nodeId: number }) {
  const agent = useGraphStore((state) => state.agents.get(nodeId));
  if (agent === undefined) return <Gone kind="Agent" name={`node ${nodeId}`} />;
  return (
    <>
      <InspectorHead
        kind={agent.self ? 'Agent, this node' : 'Agent'}
        title={<Name text={agent.hostname} />}
        sentence={<HealthSentence agent={agent} />}
        copy={{ text: agent.hostname, what: 'the name' }}
        pinnable
      />
      <div className="inspector-body">
        {agent.trust !== undefined && <Trust nodeId={nodeId} trust={agent.trust} />}
        <Identity agent={agent} />
        <Measured agent={agent} />
        <Tunnels nodeId={nodeId} />
        <LastTraces nodeId={nodeId} nodeKey={agent.publicKey} />
      </div>
      <Acts>
        {!agent.self && (
          <button type="button" className="button is-primary" onClick={() => void pingAgent(nodeId)}>
            Ping
          </button>
        )}
        <button type="button" className="button" onClick={() => void copyText(agent.address, agent.address)}>
          Copy address
        </button>
        <button
          type="button"
          className="button"
          onClick={() => useViewStore.getState().set({ view: 'graph', table: false, focus: { nodeId, hops: 1 } })}
        >
          Focus
        </button>
      </Acts>
    </>
  );
}

function HealthSentence({ agent }: { agent: Agent }) {
  const now = useNow();
  const { health } = agent;
  return (
    <>
      <HealthGlyph state={health.state} /> <b>{`${health.state.charAt(0).toUpperCase()}${health.state.slice(1)}`}</b>{' '}
      for {formatAge(now - health.since)}: {formatSafeText(health.reason)}
    </>
  );
}

function Trust({ nodeId, trust }: { nodeId: number; trust: NonNullable<Agent['trust']> }) {
  const { publicKey, changedTo } = trust;
  return (
    <Section title="Trust">
      {changedTo !== undefined && (
        <p role="alert">
          <HealthGlyph state="failing" /> Its key changed, and the one you trusted did not sign for the new one. It is
          shut out: whoever has this node id now may be another. Trust it again only if you know the new key.
        </p>
      )}
      <Facts>
        <Fact name="trusted key">
          <Key publicKey={publicKey} />
        </Fact>
        {changedTo !== undefined && (
          <Fact name="key now">
            <Key publicKey={changedTo} />
          </Fact>
        )}
      </Facts>
      <p className="section-acts">
        {changedTo !== undefined && (
          <button type="button" className="button" onClick={() => void trustAgain(nodeId, changedTo)}>
            Trust again
          </button>
        )}
        <button type="button" className="button" onClick={() => void removeTrust(nodeId)}>
          Remove trust
        </button>
      </p>
    </Section>
  );
}

/** The beginning of a key; a click copies the whole. */
function Key({ publicKey }: { publicKey: string }) {
  return (
    <button
      type="button"
      className="text-button mono"
      title={publicKey}
      onClick={() => void copyText(publicKey, 'the fingerprint')}
    >
      {formatShortId(publicKey)}
    </button>
  );
}

function Identity({ agent }: { agent: Agent }) {
  const groups = useGraphStore((state) => state.groups);
  const names = agent.groupIds.filter((id) => id !== NO_GROUP).map((id) => groups.get(id)?.name ?? String(id));
  return (
    <Section title="Who it is">
      <Facts>
        <Fact name="address">
          <span className="mono">{agent.address}</span>
        </Fact>
        <Fact name="key">{agent.publicKey === undefined ? <Unknown /> : <Key publicKey={agent.publicKey} />}</Fact>
        <Fact name="proven">{PROVEN[agent.self ? 'self' : agent.authenticated ? 'tunnel' : 'nobody']}</Fact>
        <Fact name="groups">{names.length === 0 ? 'none' : <Name text={names.join(', ')} />}</Fact>
        <Fact name="tags">{agent.tags.length === 0 ? 'none' : <Name text={agent.tags.join(', ')} />}</Fact>
        <Fact name="version">{agent.version === undefined ? <Unknown /> : <Name text={agent.version} />}</Fact>
        <Fact name="listed">
          {agent.public === undefined ? <Unknown /> : agent.public ? 'for everyone' : 'for trusted nodes'}
        </Fact>
        <Fact name="sends spans">{agent.reports ? 'yes' : 'no: its half of flows is unknown'}</Fact>
      </Facts>
    </Section>
  );
}

/** Whose word it is that the agent is who it says. */
const PROVEN = {
  self: 'this node',
  tunnel: 'by its tunnel with this node',
  nobody: 'not yet: so the registry says',
} as const;

const Unknown = () => <span className="t3">unknown</span>;

function Measured({ agent }: { agent: Agent }) {
  const now = useNow();
  const agents = useGraphStore((state) => state.agents);
  if (agent.self) return null;
  const { rtt, loss, requests, failures, clock, lastHeard } = agent;
  return (
    <Section title="Measured">
      <Facts>
        <Fact name="round trip">
          <Told told={rtt}>{rtt !== undefined && formatDuration(rtt.value)}</Told>
        </Fact>
        <Fact name="loss">
          <Told told={loss}>{loss !== undefined && formatPercent(loss.value)}</Told>
        </Fact>
        <Fact name="requests">
          <Told told={requests}>{requests !== undefined && formatCount(requests.value)}</Told>
        </Fact>
        <Fact name="failed">
          <Told told={failures}>{failures !== undefined && formatCount(failures.value)}</Told>
        </Fact>
        <Fact name="clock">
          {clock === undefined ? (
            <Unknown />
          ) : (
            <span>
              {formatOffset(clock.offsetMs, clock.boundMs)}{' '}
              <small>{`${clock.through === undefined ? 'from handshakes' : `through ${nodeNames(clock.through, agents)}`}, ${formatAge(now - clock.at)} ago`}</small>
            </span>
          )}
        </Fact>
        <Fact name="last heard">{lastHeard === undefined ? <Unknown /> : `${formatAge(now - lastHeard)} ago`}</Fact>
      </Facts>
    </Section>
  );
}

function Tunnels({ nodeId }: { nodeId: number }) {
  const tunnels = useGraphStore((state) => state.tunnels);
  const agents = useGraphStore((state) => state.agents);
  const own = useMemo(
    () => [...tunnels.values()].filter((tunnel) => tunnel.a === nodeId || tunnel.b === nodeId),
    [tunnels, nodeId],
  );
  return (
    <>
      <PathsBar title={`Paths of ${formatCount(own.length)} tunnels`} tunnels={own} />
      <Section title="Tunnels" figure={formatCount(own.length)}>
        <ul className="rows">
          {own.map((tunnel) => (
            <TunnelRow key={tunnel.id} tunnel={tunnel} nodeId={nodeId} agents={agents} />
          ))}
        </ul>
      </Section>
    </>
  );
}

interface TunnelRowProps {
  readonly tunnel: Tunnel;
  readonly nodeId: number;
  readonly agents: ReadonlyMap<number, Agent>;
}

function TunnelRow({ tunnel, nodeId, agents }: TunnelRowProps) {
  const other = tunnel.a === nodeId ? tunnel.b : tunnel.a;
  return (
    <HealthRow
      state={tunnel.health.state}
      figure={tunnel.rtt === undefined ? 'unknown' : formatDuration(tunnel.rtt.value, 2)}
      label={`Tunnel ${formatSafeText(tunnelName(tunnel, agents))}, ${tunnel.path}`}
      onSelect={() => useViewStore.getState().select({ kind: 'tunnel', id: tunnel.id })}
    >
      <Name text={agentName(other, agents)} />
      <span className="spring" />
      <PathSwatch path={tunnel.path} /> <span className="t2 row-path">{tunnel.path}</span>
    </HealthRow>
  );
}

const LAST_TRACES = 5;

function LastTraces({ nodeId, nodeKey }: { nodeId: number; nodeKey: string | undefined }) {
  const [traces, setTraces] = useState<readonly TraceSummary[] | undefined>(undefined);
  useEffect(() => {
    let current = true;
    void ask((deck) => deck.trace.search({ nodeId, nodeKey, limit: LAST_TRACES })).then(([error, result]) => {
      if (current && error === null) setTraces(result.traces);
    });
    return () => {
      current = false;
    };
  }, [nodeId, nodeKey]);
  if (traces === undefined || traces.length === 0) return null;
  return (
    <Section title="Last traces" figure={formatCount(traces.length)}>
      <ul className="rows">
        {traces.map((trace) => (
          <li key={trace.traceId}>
            <button
              type="button"
              onClick={() => {
                useViewStore.getState().set({ view: 'traces' });
                void openTrace(trace.traceId);
              }}
            >
              <span className="mono t3">{formatClockMillis(trace.startUnixMs)}</span>
              <Name text={trace.title} />
              <span className="spring" />
              {trace.errors > 0 && <HealthGlyph state="failing" />}
              <span className="row-figure">{formatDuration(trace.durationMs)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}
