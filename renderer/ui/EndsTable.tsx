import type { ReactNode } from 'react';

interface EndsTableProps<T> {
  readonly ends: readonly T[];
  keyOf(end: T): string;
  head(end: T): ReactNode;
  readonly rows: readonly (readonly [name: string, value: (end: T) => ReactNode])[];
}

/** What both ends say of one thing, side by side. */
export function EndsTable<T>({ ends, keyOf, head, rows }: EndsTableProps<T>) {
  return (
    <table className="table">
      <thead>
        <tr>
          <th />
          {ends.map((end) => (
            <th key={keyOf(end)} className="figure">
              {head(end)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            {ends.map((end) => (
              <td key={keyOf(end)} className="figure">
                {value(end)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
