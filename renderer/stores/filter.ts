import type { Agent, Tunnel } from '../../node-core/contract/graph.ts';
import type { Group } from '../../node-core/contract/group.ts';

/** What a chip can be about. */
export const CHIP_KEYS = ['group', 'path', 'health', 'agent', 'tag'] as const;
export type ChipKey = (typeof CHIP_KEYS)[number];
/** One condition, `group: finance`; values are compared without regard to case. */
export interface Chip {
  readonly key: ChipKey;
  readonly value: string;
}
/** The filter over everything: chips of one kind widen each other, kinds and words narrow. */
export interface Filter {
  readonly chips: readonly Chip[];
  readonly text: string;
}
/** Lets everything through. */
export const NO_FILTER: Filter = { chips: [], text: '' };

/** What the filter has to know beside the agents: names of groups, and whose tunnels take which path. */
export interface FilterFacts {
  readonly groups: ReadonlyMap<number, Group>;
  readonly tunnels: Iterable<Tunnel>;
}

/** `path: relay` or `path:relay` as a chip; undefined for plain words and unknown keys. */
export function parseChip(text: string): Chip | undefined {
  const match = /^\s*([a-z]+)\s*:\s*(\S.*?)\s*$/i.exec(text);
  const key = CHIP_KEYS.find((each) => each === match?.[1]?.toLowerCase());
  return key === undefined || match?.[2] === undefined ? undefined : { key, value: match[2] };
}

/** The words typed; a chip that is still being typed is none yet. */
export function plainText(filter: Filter): string {
  const typing = CHIP_KEYS.some((key) => filter.text.trim().toLowerCase().startsWith(`${key}:`));
  return typing ? '' : filter.text.trim();
}

/** Whether anything is asked for; a chip that is still being typed asks for nothing yet. */
export const isFiltering = (filter: Filter): boolean => filter.chips.length > 0 || plainText(filter) !== '';

/** The filter with a chip more, once, and the field emptied. */
export function withChip(filter: Filter, chip: Chip): Filter {
  const same = filter.chips.some((each) => each.key === chip.key && each.value === chip.value);
  return { chips: same ? filter.chips : [...filter.chips, chip], text: '' };
}

/** The filter without this chip; the typed words stay. */
export const withoutChip = (filter: Filter, chip: Chip): Filter => ({
  ...filter,
  chips: filter.chips.filter((each) => each !== chip),
});

/** The values of one kind of chip, lower case. */
export function chipValues(filter: Filter, key: ChipKey): string[] {
  return filter.chips.filter((chip) => chip.key === key).map((chip) => chip.value.toLowerCase());
}

/** The agents that the filter lets through; this node always stays. */
export function filterAgents(agents: Iterable<Agent>, filter: Filter, facts: FilterFacts): Agent[] {
  const all = [...agents];
  if (!isFiltering(filter)) return all;
  const paths = pathsByNode(facts.tunnels);
  return all.filter((agent) => agent.self || matchesAgent(agent, filter, facts.groups, paths));
}

/** Under a `path:` chip only tunnels of that path are drawn. */
export function filterTunnels(tunnels: Iterable<Tunnel>, filter: Filter, shown: ReadonlySet<number>): Tunnel[] {
  const paths = chipValues(filter, 'path');
  return [...tunnels].filter(
    (tunnel) =>
      shown.has(tunnel.a) && shown.has(tunnel.b) && (paths.length === 0 || paths.includes(tunnel.path as string)),
  );
}

function matchesAgent(
  agent: Agent,
  filter: Filter,
  groups: ReadonlyMap<number, Group>,
  paths: ReadonlyMap<number, ReadonlySet<string>>,
): boolean {
  const names = agent.groupIds.flatMap((id) => [String(id), groups.get(id)?.name.toLowerCase() ?? '']);
  const facts: Record<ChipKey, readonly string[]> = {
    group: names,
    path: [...(paths.get(agent.nodeId) ?? [])],
    health: [agent.health.state],
    agent: [agent.hostname.toLowerCase(), agent.address.toLowerCase()],
    tag: agent.tags.map((tag) => tag.toLowerCase()),
  };
  const chipsFit = CHIP_KEYS.every((key) => {
    const wanted = chipValues(filter, key);
    return wanted.length === 0 || wanted.some((value) => facts[key].includes(value));
  });
  const words = plainText(filter).toLowerCase().split(/\s+/).filter(Boolean);
  const texts = [...facts.agent, ...facts.group, ...facts.tag];
  return chipsFit && words.every((word) => texts.some((text) => text.includes(word)));
}

function pathsByNode(tunnels: Iterable<Tunnel>): Map<number, Set<string>> {
  const paths = new Map<number, Set<string>>();
  for (const tunnel of tunnels) {
    for (const nodeId of [tunnel.a, tunnel.b]) {
      const known = paths.get(nodeId) ?? new Set();
      known.add(tunnel.path);
      paths.set(nodeId, known);
    }
  }
  return paths;
}
