import { Fragment } from 'react';
import type { DeckStatus } from '../../node-core/contract/status.ts';
import { formatBytes, formatBytesOf } from '../format/bytes.ts';
import { formatClock } from '../format/clock.ts';
import { formatDuration } from '../format/duration.ts';
import { formatCount, formatOf } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { InspectorHead } from '../shell/InspectorHead.tsx';
import { ledgerTotals, useStatusStore } from '../stores/status-store.ts';
import type { StatusTopic } from '../stores/view-store.ts';
import { Name } from '../ui/Name.tsx';
import { Fact, Facts, Section } from '../ui/Section.tsx';
import { LedgerTable, reasonsOf } from './LedgerTable.tsx';

/** The explanation behind a part of the status line. */
export function StatusDetails({ topic }: { topic: StatusTopic }) {
  const status = useStatusStore((state) => state.status);
  if (status === undefined) {
    return <InspectorHead kind="Status" title="This deck" sentence="The engine has not told its state yet." />;
  }
  const Topic = TOPICS[topic];
  return <Topic status={status} />;
}

const TOPICS = { registry: Registry, beacons: Beacons, sources: Sources, ledger: Ledger, store: Store } as const;

interface TopicProps {
  readonly status: DeckStatus;
}

function Registry({ status }: TopicProps) {
  const { registry } = status;
  const sentence = {
    ok: `Answers since ${formatClock(registry.since)}.`,
    connecting: `This node connects to it since ${formatClock(registry.since)}.`,
    away: `Does not answer since ${formatClock(registry.since)}. Existing tunnels go on; new names cannot be found.`,
  }[registry.state];
  return (
    <>
      <InspectorHead kind="Status" title="Registry" sentence={sentence} />
      <Section title="Now">
        <Facts>
          <Fact name="address">
            <span className="mono">{registry.address}</span>
          </Fact>
          <Fact name="round trip">{registry.rttMs === undefined ? 'unknown' : formatDuration(registry.rttMs)}</Fact>
          <Fact name="this node">
            <span className="mono">{status.self?.address ?? 'not registered'}</span>
          </Fact>
        </Facts>
      </Section>
    </>
  );
}

function Beacons({ status }: TopicProps) {
  const up = status.beacons.filter((beacon) => beacon.state === 'ok').length;
  return (
    <>
      <InspectorHead kind="Status" title="Beacons" sentence={`${formatOf(up, status.beacons.length)} answer.`} />
      <Section title="Each">
        <Facts>
          {status.beacons.map((beacon) => (
            <Fact key={beacon.id} name={beacon.state}>
              <Name text={beacon.id} />{' '}
              <small>{`since ${formatClock(beacon.since)}, ${beacon.relayedTunnels} relayed`}</small>
            </Fact>
          ))}
        </Facts>
      </Section>
    </>
  );
}

function Sources({ status }: TopicProps) {
  const { live, known, away } = status.sources;
  return (
    <>
      <InspectorHead
        kind="Status"
        title="Sources of spans"
        sentence={`${formatOf(live, known)} send spans. ${otlpSentence(status)}`}
      />
      {away.length > 0 && (
        <Section title="Silent" figure={formatCount(away.length)}>
          <ul className="rows">
            {away.map((name) => (
              <li key={name} className="row-text">
                <Name text={name} />
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function otlpSentence({ otlpHttp, otlpTaken }: DeckStatus): string {
  if (otlpTaken === undefined) return `Agents can send OTLP to ${otlpHttp}.`;
  return `${formatSafeText(otlpTaken)}: agents have to send OTLP to ${otlpHttp}.`;
}

function Ledger({ status }: TopicProps) {
  const { received, kept, lost } = ledgerTotals(status);
  const explained = status.ledger.filter((stage) => stage.dropped > 0);
  return (
    <>
      <InspectorHead
        kind="Status"
        title="Loss ledger"
        sentence={`Kept ${formatOf(kept, received)} spans, ${formatCount(lost)} lost.`}
      />
      <Section title="Stages">
        <LedgerTable ledger={status.ledger} />
      </Section>
      {explained.length > 0 && (
        <Section title="Why">
          <Facts>
            {explained.map((stage) => (
              <Fragment key={stage.stage}>
                <Fact name={stage.stage}>{reasonsOf(stage) || 'unknown'}</Fact>
              </Fragment>
            ))}
          </Facts>
        </Section>
      )}
    </>
  );
}

function Store({ status }: TopicProps) {
  const { store } = status;
  return (
    <>
      <InspectorHead
        kind="Status"
        title="Store"
        sentence={`Holds ${formatCount(store.spans)} spans in ${formatBytesOf(store.bytes, store.capBytes)}. When it is full, the oldest spans go first.`}
      />
      <Section title="Now">
        <Facts>
          <Fact name="spans">{formatCount(store.spans)}</Fact>
          <Fact name="used">{formatBytes(store.bytes)}</Fact>
          <Fact name="cap">{formatBytes(store.capBytes)}</Fact>
        </Facts>
      </Section>
    </>
  );
}
