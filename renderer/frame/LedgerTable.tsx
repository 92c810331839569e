import type { LedgerStage } from '../../node-core/contract/status.ts';
import { formatCount } from '../format/number.ts';
import { formatSafeText } from '../format/safe-text.ts';
import { losesSpans } from '../stores/status-store.ts';

/** What each stage received, kept and dropped, with the reasons. */
export function LedgerTable({ ledger }: { ledger: readonly LedgerStage[] }) {
  return (
    <table className="table">
      <thead>
        <tr>
          <th>stage</th>
          <th className="figure">received</th>
          <th className="figure">kept</th>
          <th className="figure">lost</th>
        </tr>
      </thead>
      <tbody>
        {ledger.map((stage) => (
          <tr key={stage.stage} title={reasonsOf(stage)}>
            <td>
              {losesSpans(stage.stage) || stage.stage === 'peer export' ? stage.stage : `${stage.stage}, no spans`}
            </td>
            <td className="figure">{formatCount(stage.received)}</td>
            <td className="figure">{formatCount(stage.kept)}</td>
            <td className={stage.dropped > 0 && losesSpans(stage.stage) ? 'figure is-failing' : 'figure'}>
              {formatCount(stage.dropped)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** "708 store full, 3 too large". */
export function reasonsOf(stage: LedgerStage): string {
  return Object.entries(stage.reasons)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${formatCount(count)} ${formatSafeText(reason)}`)
    .join(', ');
}
