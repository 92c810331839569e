import { useEffect } from 'react';
import { useViewStore } from '../stores/view-store.ts';

/** What a key does; when it returns `false`, the event goes on to others. */
export type KeyAction = (event: KeyboardEvent) => unknown;
/** By key: `f`, `Shift+E`, `ArrowLeft`, `Ctrl+k` (also Cmd), `Escape`. */
export type KeyMap = Readonly<Record<string, KeyAction>>;

const TEXT_FIELDS = 'input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]';
const CONTROLS =
  'button, a, input, select, textarea, [role=button], [role=separator], [role=row], [role=option], summary';

/** Keys that mean something while this component is on the screen. Letters only when no text field has focus. */
export function useKeys(keys: KeyMap): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return;
      const name = keyName(event);
      const action = keys[name];
      if (action === undefined || !mayRun(event, name)) return;
      if (action(event) !== false) event.preventDefault();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [keys]);
}

function keyName(event: KeyboardEvent): string {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const letter = /^[a-z]$/.test(key);
  if (event.ctrlKey || event.metaKey) return `Ctrl+${event.shiftKey ? 'Shift+' : ''}${key}`;
  if (event.altKey) return `Alt+${key}`;
  return event.shiftKey && (letter || event.key.length > 1 || key === ' ') ? `Shift+${key}` : key;
}

function mayRun(event: KeyboardEvent, name: string): boolean {
  if (name.startsWith('Ctrl+') || /^(Shift\+)?F\d+$/.test(name)) return true;
  const { paletteOpen, keysOpen, singleKeys } = useViewStore.getState();
  const target = event.target instanceof Element ? event.target : undefined;
  if (paletteOpen || (keysOpen && name !== 'Escape')) return false;
  if (name === 'Escape') return target?.closest(TEXT_FIELDS) === null || target === undefined;
  if (target?.closest(TEXT_FIELDS)) return false;
  if (name === ' ' || name === 'Shift+ ' || name === 'Enter') return !target?.closest(CONTROLS);
  return singleKeys || name.length > 1;
}
