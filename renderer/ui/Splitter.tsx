import { type KeyboardEvent, type PointerEvent, useRef } from 'react';

interface SplitterProps {
  readonly label: string;
  /** Which way the two sides lie: `columns` is dragged sideways. */
  readonly between: 'columns' | 'rows';
  readonly size: number;
  readonly min: number;
  readonly max: number;
  readonly reset: number;
  /** The sized side is after the splitter, so that dragging back makes it larger. */
  readonly after?: boolean;
  onResize(size: number): void;
  onCollapse?(): void;
}

const STEP = 16;

/** Draws 1 px, catches 8; arrows, Home, End, Enter to collapse, double-click to reset. */
export function Splitter(props: SplitterProps) {
  const { size, min, max, between, after, onResize } = props;
  const start = useRef<{ at: number; size: number } | undefined>(undefined);
  const resize = (next: number) => onResize(Math.round(Math.min(max, Math.max(min, next))));
  const along = (event: PointerEvent) => (between === 'columns' ? event.clientX : event.clientY);
  const onKeyDown = (event: KeyboardEvent) => {
    const back = between === 'columns' ? 'ArrowLeft' : 'ArrowUp';
    const forth = between === 'columns' ? 'ArrowRight' : 'ArrowDown';
    const sign = after === true ? -1 : 1;
    if (event.key === back) resize(size - sign * STEP);
    else if (event.key === forth) resize(size + sign * STEP);
    else if (event.key === 'Home') resize(min);
    else if (event.key === 'End') resize(max);
    else if (event.key === 'Enter') props.onCollapse?.();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div
      className={`splitter is-${between}`}
      role="separator"
      tabIndex={0}
      aria-label={props.label}
      aria-orientation={between === 'columns' ? 'vertical' : 'horizontal'}
      aria-valuenow={size}
      aria-valuemin={min}
      aria-valuemax={max}
      onKeyDown={onKeyDown}
      onDoubleClick={() => onResize(props.reset)}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { at: along(event), size };
      }}
      onPointerMove={(event) => {
        if (start.current === undefined) return;
        const moved = along(event) - start.current.at;
        resize(start.current.size + (after === true ? -moved : moved));
      }}
      onPointerUp={() => {
        start.current = undefined;
      }}
    />
  );
}
