import { ChevronDown, ChevronUp } from 'lucide-react';
import { useViewStore } from '../stores/view-store.ts';
import { HealthGlyph } from '../ui/HealthGlyph.tsx';
import { PATH_KINDS, PathSwatch } from '../ui/PathSwatch.tsx';
import { useWidth } from '../ui/use-width.ts';

const HEALTH = ['ok', 'degraded', 'failing', 'unknown'] as const;

/** The operator's choice, or by the room there is. */
function useLegendOpen(): boolean {
  const width = useWidth();
  return useViewStore((state) => state.legendOpen) ?? width === 'wide';
}

/** What lines and shapes mean; folds to a word. */
export function Legend() {
  const open = useLegendOpen();
  const toggle = () => useViewStore.getState().set({ legendOpen: !open });
  return (
    <section className="legend" aria-label="Legend">
      <button type="button" className="legend-toggle" aria-expanded={open} onClick={toggle}>
        Legend {open ? <ChevronDown size={12} aria-hidden="true" /> : <ChevronUp size={12} aria-hidden="true" />}
      </button>
      {open && (
        <dl>
          <dt>path</dt>
          <dd>
            {PATH_KINDS.map((path) => (
              <span key={path}>
                <PathSwatch path={path} /> {path}
              </span>
            ))}
          </dd>
          <dt>health</dt>
          <dd>
            {HEALTH.map((state) => (
              <span key={state}>
                <HealthGlyph state={state} /> {state}
              </span>
            ))}
          </dd>
          <dt>lines</dt>
          <dd>
            <span>thicker: more traffic</span>
            <span>dashed: through a third party</span>
            <span>grey: well</span>
          </dd>
        </dl>
      )}
    </section>
  );
}
