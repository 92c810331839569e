import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bodyOf, type CorpusBody } from '../corpus/generate.mjs';

/** Odd telemetry as real exporters send it, with what a careful collector makes of it; test/corpus/README.md explains. */
export interface CorpusRequest extends CorpusBody {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly framing?: 'length' | 'chunked' | 'expect' | 'cl-and-te' | 'short';
  readonly bigHeader?: number;
}

export interface ExpectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

export interface CorpusCase {
  readonly id: string;
  readonly requests: readonly CorpusRequest[];
  readonly expect: {
    readonly status: readonly (number | 'closed')[];
    readonly prefer?: number;
    readonly rejected?: number;
    readonly spans?: readonly ExpectedSpan[];
    readonly count?: Readonly<Record<string, number>>;
    readonly resource?: Readonly<Record<string, unknown>>;
    readonly attributeList?: Readonly<Record<string, readonly (readonly [string, string])[]>>;
    readonly absent?: readonly string[];
    readonly forbid?: readonly ExpectedSpan[];
    readonly allOrNone?: readonly [string, number];
    readonly orStored?: readonly ExpectedSpan[];
    readonly told?: boolean;
    readonly maxMs?: number;
    readonly headersAbsent?: readonly string[];
  };
}

type RawCase = Omit<CorpusCase, 'requests'> & {
  readonly request?: CorpusRequest;
  readonly requests?: readonly CorpusRequest[];
};

const folder = fileURLToPath(new URL('../corpus', import.meta.url));

/** All cases that send requests. */
export function corpusCases(): CorpusCase[] {
  const { cases } = JSON.parse(readFileSync(`${folder}/cases.json`, 'utf8')) as { cases: readonly RawCase[] };
  return cases.flatMap(({ request, requests = request === undefined ? [] : [request], ...rest }) =>
    requests.length === 0 ? [] : [{ ...rest, requests }],
  );
}

export function corpusBody(request: CorpusRequest): Buffer {
  return bodyOf(request, folder);
}
