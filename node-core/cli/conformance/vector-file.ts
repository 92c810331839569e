import { z } from 'zod';

/** A result as a reference program gave it: the fields differ from section to section. */
export type Fields = Readonly<Record<string, unknown>>;

/** Fields that are lists wherever they stand. The recorders write an empty list as `null` at times. */
const LISTS = new Set([
  ...['acks_from_peer', 'blocks', 'counters', 'listening_ports', 'ops', 'packets_from_peer', 'requests'],
  ...['rtt_samples_ns', 'steps', 'unacked', 'writes', 'delivered', 'delivered_lens', 'packets', 'replies'],
  ...['retransmitted_seqs', 'sack_blocks', 'sacked', 'sacked_seqs', 'sent_by_node_7'],
]);
/** Fields that are lists in these sections, and something else in others. */
const LISTS_OF: Readonly<Record<string, readonly string[]>> = {
  receiver_reassembly: ['segments'],
  segmentation: ['segments'],
  replay_window: ['accept'],
};

const fields = z.record(z.string(), z.unknown());
const vectorCase = z.object({
  id: z.string(),
  versions: z.array(z.string()),
  in: fields,
  out: fields,
  differs: z.record(z.string(), fields).optional(),
});
const vectorFile = z.object({
  format: z.literal('pilot-vectors/1'),
  file: z.string(),
  sections: z.record(
    z.string(),
    z
      .array(vectorCase)
      .nullable()
      .transform((cases) => cases ?? []),
  ),
});

export type VectorCase = z.infer<typeof vectorCase>;
export type VectorFile = z.infer<typeof vectorFile>;

/** @throws when the text is not a vector file; the message says what is wrong where. */
export function parseVectorFile(text: string): VectorFile {
  const parsed = vectorFile.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const sections = Object.entries(parsed.data.sections).map(([name, cases]) => {
    const isList = (key: string) => LISTS.has(key) || LISTS_OF[name]?.includes(key) === true;
    return [name, cases.map((vector) => withLists(vector, isList) as VectorCase)] as const;
  });
  return { ...parsed.data, sections: Object.fromEntries(sections) };
}

/** The same with an empty list in place of `null` in each field that is a list. */
function withLists(value: unknown, isList: (key: string) => boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => withLists(item, isList));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, inner === null && isList(key) ? [] : withLists(inner, isList)]),
  );
}

/** The version whose result decides: the running one, else the one that most cases come from. */
const PRECEDENCE = ['v1.18', 'v1.9', 'common-2026-08'];
/** Registry requests are signed since 1.13, which only the later library shows. */
const REQUEST_PRECEDENCE = ['v1.18', 'common-2026-08', 'v1.9'];

/** The result to compare with, or undefined when only versions we do not speak were asked. */
export function expectedOf(section: string, vector: VectorCase): Fields | undefined {
  const precedence = section === 'registry_requests' ? REQUEST_PRECEDENCE : PRECEDENCE;
  for (const version of precedence) {
    if (vector.versions.includes(version)) return vector.out;
    const other = vector.differs?.[version];
    if (other !== undefined) return other;
  }
  return undefined;
}
