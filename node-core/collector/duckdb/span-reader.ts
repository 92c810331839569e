import type { Cell, Row } from '../../base/database.ts';
import type { SpanRecord } from '../span.ts';
import type { FoundSpans, ReadLimits } from '../store.ts';
import { IDENTITY, keysIn, readSpans } from './store-rows.ts';

type RunQuery = (sql: string, parameters?: readonly Cell[]) => Promise<readonly Row[]>;

/** Which spans are read, and in which order; of several rows of one span the first that arrived is it. */
export interface SpanSelection {
  readonly where: string;
  readonly parameters: readonly Cell[];
  readonly order: string;
}

interface Place {
  readonly file: string;
  readonly rowId: number;
  readonly bytes: number;
}

/** One page of rows, which are in memory as they are stored and as they are read. */
const PAGE: ReadLimits = { spans: 4_000, bytes: 4 * 1024 * 1024 };
const KEYS_AT_ONCE = 1_000;
const READ_COLUMNS = `file, row_id, trace_id, span_id, parent_span_id, name, kind, start_ns, end_ns, arrived_ns, exporter_node,
  exporter_address, exporter_key, resource_key, scope_key, resource, scope, rest`;

/**
 * Reads spans of any number and width: first where they are, which is narrow and can be sorted, then page by page what is
 * in them. Between pages others have the thread.
 */
export class SpanReader {
  readonly #query: RunQuery;

  constructor(query: RunQuery) {
    this.#query = query;
  }

  /** `total` counts all that were selected, `spans` has the first ones that are within the limits. */
  async read(selection: SpanSelection, limits: ReadLimits): Promise<FoundSpans> {
    const { where, parameters, order } = selection;
    const found = await this.#query(
      `SELECT file, row_id, bytes, count(*) OVER () AS total FROM (
         SELECT DISTINCT ON (trace_id, ${IDENTITY}) file, row_id, strlen(rest) AS bytes, trace_id, span_id, start_ns,
           duration_ns, arrived_ns FROM all_spans WHERE ${where} ORDER BY arrived_ns)
       ORDER BY ${order} LIMIT ${limits.spans}`,
      parameters,
    );
    const places = within(found.map(placeOf), limits.bytes);
    const spans = new Map<string, SpanRecord>();
    for (const page of pagesOf(places)) {
      for (const [place, span] of await this.#readPage(page)) spans.set(place, span);
      await new Promise(setImmediate);
    }
    return { spans: places.flatMap((place) => spans.get(keyOf(place)) ?? []), total: Number(found[0]?.total ?? 0) };
  }

  /** The texts of resources and scopes that rows name by their keys. */
  async textsFor(rows: readonly Row[]): Promise<ReadonlyMap<string, string>> {
    const keys = [...keysIn(rows)];
    const texts = new Map<string, string>();
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const some = keys.slice(at, at + KEYS_AT_ONCE);
      const marks = some.map(() => '?').join(', ');
      const found = await this.#query(`SELECT key, text FROM all_texts WHERE key IN (${marks})`, some);
      for (const { key, text } of found) texts.set(String(key), String(text));
    }
    return texts;
  }

  async #readPage(page: readonly Place[]): Promise<[string, SpanRecord][]> {
    const ids = page.map(({ rowId }) => rowId);
    const [first = 0, last = 0] = [ids[0], ids.at(-1)];
    const others = last - first + 1 > ids.length ? `AND row_id IN (${ids.join(', ')})` : '';
    const rows = await this.#query(
      `SELECT ${READ_COLUMNS} FROM all_spans WHERE file = '${page[0]?.file}' AND row_id BETWEEN ${first} AND ${last} ${others}`,
    );
    const spans = readSpans(rows, await this.textsFor(rows));
    return rows.flatMap((row, index): [string, SpanRecord][] => {
      const span = spans[index];
      return span === undefined ? [] : [[keyOf(placeOf(row)), span]];
    });
  }
}

function placeOf(row: Row): Place {
  return { file: String(row.file), rowId: Number(row.row_id), bytes: Number(row.bytes ?? 0) };
}

function keyOf({ file, rowId }: Place): string {
  return `${file} ${rowId}`;
}

/** The first places whose spans have so many bytes together; one at least. */
function within(places: readonly Place[], mostBytes: number): readonly Place[] {
  let bytes = 0;
  const beyond = places.findIndex((place, index) => {
    bytes += place.bytes;
    return index > 0 && bytes > mostBytes;
  });
  return beyond === -1 ? places : places.slice(0, beyond);
}

/** Places of one file each, in its order. */
function* pagesOf(places: readonly Place[]): Generator<readonly Place[]> {
  const sorted = [...places].sort((a, b) => (a.file < b.file ? -1 : Number(a.file > b.file)) || a.rowId - b.rowId);
  let page: Place[] = [];
  let bytes = 0;
  for (const place of sorted) {
    const full = page.length >= PAGE.spans || bytes + place.bytes > PAGE.bytes;
    if (page.length > 0 && (full || page[0]?.file !== place.file)) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(place);
    bytes += place.bytes;
  }
  if (page.length > 0) yield page;
}
