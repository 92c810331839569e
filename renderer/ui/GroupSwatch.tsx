/** A group's hue, which only ever stands beside its name. The ninth group begins again with the first hue. */
export const groupHue = (slot: number): number => (slot % 8) + 1;

export function GroupSwatch({ hue }: { hue: number | undefined }) {
  return <i className={`group-swatch hue-${hue ?? 'none'}`} aria-hidden="true" />;
}
