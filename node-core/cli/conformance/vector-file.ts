import { z } from 'zod';

/** A result as a reference program gave it: the fields differ from section to section. */
export type Fields = Readonly<Record<string, unknown>>;

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
  sections: z.record(z.string(), z.array(vectorCase)),
});

export type VectorCase = z.infer<typeof vectorCase>;
export type VectorFile = z.infer<typeof vectorFile>;

/** @throws when the text is not a vector file; the message says what is wrong where. */
export function parseVectorFile(text: string): VectorFile {
  const parsed = vectorFile.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(z.prettifyError(parsed.error));
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
