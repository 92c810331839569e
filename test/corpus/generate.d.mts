/** The request of a corpus case, as far as its body goes; `dir` is the corpus folder. */
export interface CorpusBody {
  readonly bodyFile?: string;
  readonly bodyGenerator?: { readonly name: string; readonly args: Readonly<Record<string, unknown>> };
  readonly encode?: string;
}
export function bodyOf(request: CorpusBody, dir: string): Buffer;
