import { Share } from 'lucide-react';
import { useRef } from 'react';
import { exportTraces } from '../client/trace-feed.ts';
import { formatPlural } from '../format/number.ts';

interface ExportMenuProps {
  readonly text: string;
  readonly traceIds: readonly string[];
  /** Why there is nothing to export. */
  readonly empty: string;
}

/** Saves traces as OTLP JSON; asks whose ids the file carries. */
export function ExportMenu({ text, traceIds, empty }: ExportMenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const close = () => {
    if (menu.current !== null) menu.current.open = false;
  };
  const save = (joined: boolean) => {
    close();
    void exportTraces(traceIds, joined);
  };
  return (
    <details
      ref={menu}
      className="menu"
      onBlur={(event) => !event.currentTarget.contains(event.relatedTarget) && close()}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        close();
      }}
    >
      <summary className="toolbar-button">
        <Share size={13} aria-hidden="true" /> {text}
      </summary>
      <div className="menu-body">
        {traceIds.length === 0 ? (
          <p>{empty}</p>
        ) : (
          <>
            <p>{`${formatPlural(traceIds.length, 'trace')} as OTLP JSON`}</p>
            <button type="button" onClick={() => save(false)}>
              With raw ids <small>as each node sent them</small>
            </button>
            <button type="button" onClick={() => save(true)}>
              With joined ids <small>one id for a joined trace</small>
            </button>
          </>
        )}
      </div>
    </details>
  );
}
