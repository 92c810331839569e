/** A group's hue, which only ever stands beside its name. */
export function GroupSwatch({ hue }: { hue: number | undefined }) {
  return <i className={`group-swatch hue-${hue ?? 'none'}`} aria-hidden="true" />;
}
