import { Command as Palette } from 'cmdk';
import { ArrowUpRight } from 'lucide-react';
import { useEffect, useMemo, useRef } from 'react';
import { useViewStore } from '../stores/view-store.ts';
import { currentCommands } from './commands.ts';

/** Every verb of these views by its words. What acts on the network carries an arrow out. */
export function CommandPalette() {
  const open = useViewStore((state) => state.paletteOpen);
  return open ? <OpenPalette /> : null;
}

function OpenPalette() {
  const commands = useMemo(currentCommands, []);
  const before = useRef(document.activeElement);
  const close = () => useViewStore.getState().set({ paletteOpen: false });
  useEffect(() => {
    const last = before.current;
    return () => {
      if (last instanceof HTMLElement) last.focus();
    };
  }, []);
  return (
    <div className="palette-layer">
      <button type="button" className="palette-shade" tabIndex={-1} aria-label="Close" onClick={close} />
      <div className="palette" role="dialog" aria-modal="true" aria-label="Command palette">
        <Palette
          label="Command"
          loop
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return;
            event.stopPropagation();
            close();
          }}
        >
          <Palette.Input autoFocus placeholder="Ping filings-2, focus on, join, go to…" />
          <Palette.List label="Commands">
            <Palette.Empty>No command has these words.</Palette.Empty>
            {commands.map((command) => (
              <Palette.Item
                key={command.id}
                value={`${command.text} ${command.id}`}
                onSelect={() => {
                  close();
                  command.run();
                }}
              >
                <bdi>{command.text}</bdi>
                {command.acts && <ArrowUpRight size={13} role="img" aria-label="acts on the network" />}
                <span className="spring" />
                {command.key !== undefined && <kbd>{command.key}</kbd>}
              </Palette.Item>
            ))}
          </Palette.List>
        </Palette>
      </div>
    </div>
  );
}
