import type { ReactNode } from 'react';

interface SegmentedProps<T extends string> {
  readonly label: string;
  readonly value: T;
  readonly options: readonly { readonly value: T; readonly text: ReactNode }[];
  /** `strong` for the mode of the whole window. */
  readonly strong?: boolean;
  readonly onChange: (value: NoInfer<T>) => void;
}

/** One choice of a few, all in sight. */
export function Segmented<T extends string>({ label, value, options, strong, onChange }: SegmentedProps<T>) {
  return (
    <fieldset className={strong === true ? 'segmented is-strong' : 'segmented'} aria-label={label}>
      {options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === value}
          onClick={() => onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </fieldset>
  );
}
