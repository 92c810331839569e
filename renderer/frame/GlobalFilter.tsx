import { Search, X } from 'lucide-react';
import { type KeyboardEvent, useId, useMemo, useRef, useState } from 'react';
import { formatSafeText } from '../format/safe-text.ts';
import { useKeys } from '../shell/use-keys.ts';
import { type Chip, parseChip, withChip, withoutChip } from '../stores/filter.ts';
import { useGraphStore } from '../stores/graph-store.ts';
import { useViewStore } from '../stores/view-store.ts';
import { PATH_KINDS } from '../ui/PathSwatch.tsx';

const MAX_SUGGESTIONS = 8;
const HEALTH = ['ok', 'degraded', 'failing', 'unknown'] as const;

/** The filter that holds in every view: chips and plain words. */
export function GlobalFilter() {
  const input = useRef<HTMLInputElement>(null);
  const filter = useViewStore((state) => state.filter);
  const [active, setActive] = useState(-1);
  const [open, setOpen] = useState(false);
  const suggestions = useSuggestions(filter.text, open);
  const listId = useId();
  useKeys(useMemo(() => ({ '/': () => input.current?.focus(), 'Ctrl+f': () => input.current?.focus() }), []));

  const change = (text: string) => {
    setActive(-1);
    setOpen(true);
    useViewStore.getState().set({ filter: { ...filter, text } });
  };
  const take = (chip: Chip) => {
    setActive(-1);
    useViewStore.getState().set({ filter: withChip(filter, chip) });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'ArrowDown') setActive(Math.min(active + 1, suggestions.length - 1));
    else if (event.key === 'ArrowUp') setActive(Math.max(active - 1, -1));
    else if (event.key === 'Escape') input.current?.blur();
    else if (event.key === 'Backspace' && filter.text === '') {
      useViewStore.getState().set({ filter: { ...filter, chips: filter.chips.slice(0, -1) } });
    } else if (event.key === 'Enter') {
      const chip = suggestions[active] ?? parseChip(filter.text);
      if (chip !== undefined) take(chip);
    } else return;
    if (event.key !== 'Backspace') event.preventDefault();
  };

  return (
    <search className="global-filter">
      <Search size={14} aria-hidden="true" />
      {filter.chips.map((chip) => (
        <span className="chip" key={`${chip.key} ${chip.value}`}>
          <bdi>{`${chip.key}: ${formatSafeText(chip.value)}`}</bdi>
          <button
            type="button"
            aria-label={`Remove ${chip.key}: ${formatSafeText(chip.value)}`}
            onClick={() => useViewStore.getState().set({ filter: withoutChip(filter, chip) })}
          >
            <X size={11} />
          </button>
        </span>
      ))}
      <input
        ref={input}
        role="combobox"
        aria-label="Filter everything"
        aria-expanded={open && suggestions.length > 0}
        aria-controls={listId}
        aria-activedescendant={active >= 0 ? `${listId}-${active}` : undefined}
        autoComplete="off"
        placeholder={filter.chips.length === 0 ? 'Filter everything: group, agent, path, health, tag' : ''}
        value={filter.text}
        onChange={(event) => change(event.target.value)}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <kbd>/</kbd>
      <div
        id={listId}
        role="listbox"
        aria-label="Filters"
        className="suggestions"
        hidden={!open || suggestions.length === 0}
      >
        {suggestions.map((chip, index) => (
          <div
            key={`${chip.key} ${chip.value}`}
            id={`${listId}-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onPointerDown={(event) => {
              event.preventDefault(); // keeps the focus in the field
              take(chip);
            }}
          >
            <span className="t3">{chip.key}:</span> <bdi>{formatSafeText(chip.value)}</bdi>
          </div>
        ))}
      </div>
    </search>
  );
}

function useSuggestions(text: string, open: boolean): Chip[] {
  return useMemo(() => {
    const typed = text.trim().toLowerCase();
    if (!open || typed === '') return [];
    const { agents, groups } = useGraphStore.getState();
    const all: Chip[] = [
      ...[...groups.values()].map((group): Chip => ({ key: 'group', value: group.name })),
      ...PATH_KINDS.map((path): Chip => ({ key: 'path', value: path })),
      ...HEALTH.map((state): Chip => ({ key: 'health', value: state })),
      ...[...agents.values()].map((agent): Chip => ({ key: 'agent', value: agent.hostname })),
      ...[...new Set([...agents.values()].flatMap((agent) => agent.tags))].map(
        (tag): Chip => ({ key: 'tag', value: tag }),
      ),
    ];
    const wanted = typed.replace(/\s*:\s*/, ': ');
    return all.filter((chip) => `${chip.key}: ${chip.value}`.toLowerCase().includes(wanted)).slice(0, MAX_SUGGESTIONS);
  }, [text, open]);
}
