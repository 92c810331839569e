const REGIONS = 'header.top-bar, nav.rail, main, section.event-drawer, aside.inspector, footer.status-line';

/** F6: the focus goes from one part of the frame to the next. */
export function focusNextRegion(step: 1 | -1): void {
  const regions = [...document.querySelectorAll<HTMLElement>(REGIONS)].filter((region) => region.offsetParent !== null);
  const current = regions.findIndex((region) => region.contains(document.activeElement));
  const next = regions[(current + step + regions.length) % regions.length];
  const inside = next?.querySelector<HTMLElement>('button, input, select, [tabindex="0"]');
  (inside ?? next)?.focus();
}
