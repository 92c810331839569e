import { useMemo } from 'react';
import { formatRate } from '../format/bytes.ts';
import { formatAge, formatDuration } from '../format/duration.ts';
import { formatCount, formatPlural } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { Gone, InspectorHead } from '../shell/InspectorHead.tsx';
import { useGraphStore } from '../stores/graph-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { HealthRow } from '../ui/HealthRow.tsx';
import { Name } from '../ui/Name.tsx';
import { Fact, Facts, Section } from '../ui/Section.tsx';
import { Told } from '../ui/Told.tsx';
import { useNow } from '../ui/use-now.ts';
import { beaconOf, tunnelName } from './labels.ts';

/** One beacon and the tunnels that run through it. */
export function BeaconDetails({ id }: { id: string }) {
  const beacon = useGraphStore((state) => state.beacons.get(id));
  const tunnels = useGraphStore((state) => state.tunnels);
  const beacons = useGraphStore((state) => state.beacons);
  const agents = useGraphStore((state) => state.agents);
  const now = useNow();
  const relayed = useMemo(
    () => [...tunnels.values()].filter((each) => each.path === 'relay' && beaconOf(each, beacons) === beacon?.name),
    [tunnels, beacons, beacon],
  );
  if (beacon === undefined) return <Gone kind="Beacon" name={id} />;
  const { health } = beacon;
  return (
    <>
      <InspectorHead
        kind="Beacon"
        title={<Name text={beacon.name} />}
        sentence={
          <>
            <HealthGlyph state={health.state} /> <b>{health.state}</b> for {formatAge(Math.max(0, now - health.since))}:{' '}
            {formatSafeText(health.reason)}
          </>
        }
        copy={{ text: beacon.id, what: 'the name' }}
        pinnable
      />
      <div className="inspector-body">
        <Section title="Now">
          <Facts>
            <Fact name="relayed">{formatPlural(beacon.relayedTunnels, 'tunnel')}</Fact>
            <Fact name="traffic">{formatRate(beacon.bytesPerSecond)}</Fact>
            <Fact name="round trip">
              <Told told={beacon.rtt}>{beacon.rtt !== undefined && formatDuration(beacon.rtt.value)}</Told>
            </Fact>
          </Facts>
        </Section>
        <Section title="Relayed" figure={formatCount(relayed.length)}>
          <ul className="rows">
            {relayed.map((tunnel) => (
              <HealthRow
                key={tunnel.id}
                state={tunnel.health.state}
                figure={tunnel.rtt === undefined ? 'unknown' : formatDuration(tunnel.rtt.value, 2)}
                onSelect={() => useViewStore.getState().select({ kind: 'tunnel', id: tunnel.id })}
              >
                <Name text={tunnelName(tunnel, agents)} />
                <span className="spring" />
              </HealthRow>
            ))}
          </ul>
        </Section>
      </div>
    </>
  );
}
