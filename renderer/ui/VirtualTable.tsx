import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type KeyboardEvent, type ReactNode, type UIEvent, useEffect, useRef, useState } from 'react';

/** One column of a long table; `width` is a track of a CSS grid. */
export interface Column<T> {
  readonly key: string;
  readonly title: string;
  /** The title is for readers only. */
  readonly bare?: boolean;
  /** A width of CSS grid: `80px`, `minmax(120px, 1fr)`. */
  readonly width: string;
  readonly figure?: boolean;
  readonly sorted?: 'up' | 'down' | undefined;
  /** `add` is set with Shift: the column is added to the order. */
  onSort?(add: boolean): void;
  cell(row: T): ReactNode;
}

interface VirtualTableProps<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly selected?: string | undefined;
  readonly marked?: ReadonlySet<string>;
  /** Stays at the end while rows are added, until the reader scrolls away from it. */
  readonly following?: boolean;
  keyOf(row: T): string;
  rowLabel?(row: T): string;
  onOpen?(row: T): void;
  onMark?(row: T): void;
  onFollow?(following: boolean): void;
}

const ROW_PX = 24;
const OVERSCAN = 12;

/**
 * A table of any length: sticky head, rows of one height of which only those in view exist, arrows to walk, Enter to
 * open.
 */
export function VirtualTable<T>(props: VirtualTableProps<T>) {
  const { rows, columns, keyOf, following } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [cursorKey, setCursorKey] = useState('');
  const cursor = Math.max(
    0,
    rows.findIndex((row) => keyOf(row) === cursorKey),
  );
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN,
    getItemKey: (index) => keyOfIndex(rows, index, keyOf),
  });
  useEffect(() => {
    if (following === true && rows.length > 0) virtual.scrollToIndex(rows.length - 1, { align: 'end' });
  }, [following, rows.length, virtual]);

  const items = virtual.getVirtualItems();
  const template = columns.map((column) => column.width).join(' ');
  const onScroll = (event: UIEvent<HTMLDivElement>) => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
    props.onFollow?.(scrollHeight - scrollTop - clientHeight < ROW_PX);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const row = rows[cursor];
    const step = STEPS[event.key];
    if (step !== undefined) {
      const next = Math.min(rows.length - 1, Math.max(0, step(cursor, rows.length)));
      setCursorKey(String(keyOfIndex(rows, next, keyOf)));
      virtual.scrollToIndex(next);
      requestAnimationFrame(() => focusRow(scroller.current, next));
    } else if (
      event.key === 'Enter' &&
      row !== undefined &&
      event.target === event.currentTarget.querySelector(':focus')
    ) {
      props.onOpen?.(row);
    } else if (event.key.toLowerCase() === 'm' && row !== undefined && props.onMark !== undefined) {
      props.onMark(row);
    } else return;
    event.preventDefault();
  };

  return (
    <div
      ref={scroller}
      className="virtual-table"
      role="grid"
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      onScroll={onScroll}
      onKeyDown={onKeyDown}
      tabIndex={items.some((item) => item.index === cursor) ? -1 : 0}
    >
      <Head columns={columns} template={template} />
      <div className="virtual-body" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {items.map((item) => {
          const row = rows[item.index];
          if (row === undefined) return null;
          const key = keyOf(row);
          return (
            <div
              key={key}
              role="row"
              className="virtual-row"
              aria-rowindex={item.index + 2}
              aria-selected={key === props.selected}
              aria-label={props.rowLabel?.(row)}
              data-index={item.index}
              data-marked={props.marked?.has(key) === true || undefined}
              tabIndex={item.index === cursor ? 0 : -1}
              style={{ gridTemplateColumns: template, transform: `translateY(${item.start}px)` }}
              onFocus={() => setCursorKey(key)}
              onClick={() => props.onOpen?.(row)}
            >
              {columns.map((column) => (
                <div key={column.key} role="gridcell" className={column.figure === true ? 'cell figure' : 'cell'}>
                  {column.cell(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}

const STEPS: Readonly<Record<string, (cursor: number, count: number) => number>> = {
  ArrowDown: (cursor) => cursor + 1,
  ArrowUp: (cursor) => cursor - 1,
  PageDown: (cursor) => cursor + 20,
  PageUp: (cursor) => cursor - 20,
  Home: () => 0,
  End: (_, count) => count - 1,
};

function keyOfIndex<T>(rows: readonly T[], index: number, keyOf: (row: T) => string): string | number {
  const row = rows[index];
  return row === undefined ? index : keyOf(row);
}

function focusRow(scroller: HTMLElement | null, index: number): void {
  scroller?.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus();
}

function Head<T>({ columns, template }: { columns: readonly Column<T>[]; template: string }) {
  return (
    <div className="virtual-head" role="rowgroup">
      <div role="row" className="virtual-head-row" style={{ gridTemplateColumns: template }} tabIndex={-1}>
        {columns.map((column) => (
          <div
            key={column.key}
            role="columnheader"
            tabIndex={-1}
            className={column.figure === true ? 'cell figure' : 'cell'}
            aria-sort={column.sorted === undefined ? undefined : column.sorted === 'up' ? 'ascending' : 'descending'}
          >
            {column.onSort === undefined ? <Title column={column} /> : <SortButton column={column} />}
          </div>
        ))}
      </div>
    </div>
  );
}

function Title<T>({ column }: { column: Column<T> }) {
  return column.bare === true ? <span className="visually-hidden">{column.title}</span> : column.title;
}

function SortButton<T>({ column }: { column: Column<T> }) {
  return (
    <button type="button" className="sort-button" onClick={(event) => column.onSort?.(event.shiftKey)}>
      {column.title}
      {column.sorted === 'up' && <ArrowUp size={11} aria-hidden="true" />}
      {column.sorted === 'down' && <ArrowDown size={11} aria-hidden="true" />}
    </button>
  );
}
