import type { Cell, Row } from '../../base/database.ts';
import type { TraceQuery, TraceSearchResult, TraceSummary } from '../../contract/trace.ts';
import { IDENTITY } from './store-rows.ts';

export type RunQuery = (sql: string, parameters: readonly Cell[]) => Promise<readonly Row[]>;

interface Condition {
  readonly sql: string;
  readonly parameters: readonly Cell[];
}

/** Spans with the joined trace each belongs to. */
const FAMILIES = `
  family AS (SELECT trace_id, arg_max(root_trace_id, found_ns) AS root FROM all_trace_families GROUP BY trace_id),
  member AS (SELECT s.*, coalesce(f.root, s.trace_id) AS root FROM all_spans s LEFT JOIN family f ON s.trace_id = f.trace_id)`;

/**
 * What stands for the whole trace: a root span of the raw trace that the joined one is named after, else the earliest.
 * Clocks of nodes differ, so a duration is that of one span, and only without a root what lies between the outermost times.
 */
const PLACE = `((CASE WHEN trace_id = root THEN 0 ELSE 2 END + CASE WHEN parent_span_id = '' THEN 0 ELSE 1 END)::HUGEINT
  * 18446744073709551616 + start_ns)`;
const FIRST_NS = `coalesce(min(start_ns) FILTER (parent_span_id = '' AND trace_id = root AND start_ns > 0),
  min(start_ns) FILTER (start_ns > 0), 0)`;
const DURATION_NS = `coalesce(arg_min(duration_ns, start_ns) FILTER (parent_span_id = '' AND trace_id = root),
  max(end_ns)::HUGEINT - min(start_ns) FILTER (start_ns > 0), 0)::DOUBLE`;

/** Finds joined traces: one is found when any of its spans matches, and is one row with the figures of all its spans. */
export async function searchTraces(run: RunQuery, query: TraceQuery): Promise<TraceSearchResult> {
  const time = timeConditions(query);
  const spans = all([...time, ...spanConditions(query)]);
  const whole = all(traceConditions(query));
  const found = await run(
    `WITH ${FAMILIES},
       hit AS (SELECT DISTINCT root FROM member WHERE ${spans.sql}),
       trace AS (SELECT root, ${FIRST_NS} AS first_ns, ${DURATION_NS} AS duration_ns, count(*) FILTER (failed) AS errors
         FROM member SEMI JOIN hit USING (root) GROUP BY root)
     SELECT root, count(*) OVER () AS matched FROM trace WHERE ${whole.sql} ORDER BY first_ns DESC, root LIMIT ?`,
    [...spans.parameters, ...whole.parameters, query.limit],
  );
  const inTime = all(time);
  const [counted] = await run(
    `WITH ${FAMILIES} SELECT count(DISTINCT root) AS total FROM member WHERE ${inTime.sql}`,
    inTime.parameters,
  );
  return {
    traces: await summarise(
      run,
      found.map((row) => String(row.root)),
    ),
    matched: Number(found[0]?.matched ?? 0),
    total: Number(counted?.total ?? 0),
  };
}

/** One row for each joined trace, the newest first. */
async function summarise(run: RunQuery, roots: readonly string[]): Promise<TraceSummary[]> {
  if (roots.length === 0) return [];
  const rows = await run(
    `WITH ${FAMILIES}
     SELECT root, ${FIRST_NS} AS first_ns, ${DURATION_NS} AS duration_ns, arg_min(coalesce(title, name), ${PLACE}) AS title,
       list(DISTINCT trace_id) AS raw_ids, count(DISTINCT (trace_id, ${IDENTITY})) AS spans,
       count(DISTINCT (trace_id, ${IDENTITY})) FILTER (failed) AS errors,
       list(DISTINCT service) AS services, list(DISTINCT exporter_node) FILTER (exporter_node IS NOT NULL) AS nodes,
       list(DISTINCT group_id) FILTER (group_id IS NOT NULL) AS groups
     FROM member WHERE root IN (${roots.map(() => '?').join(', ')}) GROUP BY root ORDER BY first_ns DESC, root`,
    roots,
  );
  return rows.map(readSummary);
}

/** Nanoseconds of a moment in Unix milliseconds, within what a column holds. */
export function toNano(unixMs: number): bigint {
  return BigInt(Math.max(0, Math.min(Math.round(unixMs * 1e3), 2 ** 53))) * 1_000n;
}

function timeConditions({ fromMs, toMs }: TraceQuery): Condition[] {
  return [
    ...(fromMs === undefined ? [] : [{ sql: 'start_ns >= ?', parameters: [toNano(fromMs)] }]),
    ...(toMs === undefined ? [] : [{ sql: 'start_ns <= ?', parameters: [toNano(toMs)] }]),
  ];
}

/** What one span of the trace must be. */
function spanConditions({ service, nodeId, nodeKey, groupId, status, text = '' }: TraceQuery): Condition[] {
  const found: Condition[] = [];
  if (service !== undefined) found.push({ sql: 'service = ?', parameters: [service] });
  if (nodeId !== undefined) found.push({ sql: 'exporter_node = ?', parameters: [nodeId] });
  if (nodeKey !== undefined) found.push({ sql: 'exporter_key = ?', parameters: [nodeKey] });
  if (groupId !== undefined) found.push({ sql: 'group_id = ?', parameters: [groupId] });
  if (status === 'error') found.push({ sql: 'failed', parameters: [] });
  if (text !== '') {
    const like = (column: string) => `${column} ILIKE ? ESCAPE '\\'`;
    found.push({
      sql: `(${['rest', 'name', 'service'].map(like).join(' OR ')})`,
      parameters: [pattern(JSON.stringify(text).slice(1, -1)), pattern(text), pattern(text)], // JSON has its own escapes
    });
  }
  return found;
}

/** Matches the text anywhere, literally. */
function pattern(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

/** What only the whole trace can tell. */
function traceConditions({ minDurationMs, maxDurationMs, status }: TraceQuery): Condition[] {
  const found: Condition[] = [];
  if (minDurationMs !== undefined) found.push({ sql: 'duration_ns >= ?', parameters: [minDurationMs * 1e6] });
  if (maxDurationMs !== undefined) found.push({ sql: 'duration_ns <= ?', parameters: [maxDurationMs * 1e6] });
  if (status === 'ok') found.push({ sql: 'errors = 0', parameters: [] });
  return found;
}

function all(conditions: readonly Condition[]): Condition {
  return {
    sql: conditions.map(({ sql }) => sql).join(' AND ') || 'true',
    parameters: conditions.flatMap(({ parameters }) => parameters),
  };
}

function readSummary(row: Row): TraceSummary {
  return {
    traceId: String(row.root),
    rawTraceIds: items(row.raw_ids).map(String),
    title: String(row.title),
    startUnixMs: Number(BigInt(row.first_ns as bigint) / 1_000n) / 1_000,
    durationMs: Number(row.duration_ns) / 1e6,
    spans: Number(row.spans),
    errors: Number(row.errors),
    services: items(row.services).map(String),
    nodeIds: items(row.nodes).map(Number),
    groupIds: items(row.groups).map(Number),
  };
}

/** The elements of a list column; none where no row had a value. */
function items(value: unknown): readonly unknown[] {
  const list = typeof value === 'object' && value !== null ? Reflect.get(value, 'items') : undefined;
  return Array.isArray(list) ? list : [];
}
