import { X } from 'lucide-react';
import { useViewStore } from '../stores/view-store.ts';
import { KEYS_EVERYWHERE, KEYS_OF_VIEW } from './key-table.ts';
import { VIEW_NAMES } from './view-names.ts';

/** The keys of this view, opened by `?`. */
export function KeysHelp() {
  const open = useViewStore((state) => state.keysOpen);
  const view = useViewStore((state) => state.view);
  if (!open) return null;
  return (
    <section className="keys-help" role="dialog" aria-label="Keys">
      <div className="keys-head">
        <h2>Keys</h2>
        <button type="button" className="icon-button" aria-label="Close keys" onClick={closeKeys}>
          <X size={14} />
        </button>
      </div>
      <div className="keys-columns">
        <KeyList title={VIEW_NAMES[view]} keys={KEYS_OF_VIEW[view]} />
        <KeyList title="Everywhere" keys={KEYS_EVERYWHERE} />
      </div>
    </section>
  );
}

const closeKeys = () => useViewStore.getState().set({ keysOpen: false });

function KeyList({ title, keys }: { title: string; keys: readonly (readonly [string, string])[] }) {
  return (
    <div>
      <h3>{title}</h3>
      <dl className="facts">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
