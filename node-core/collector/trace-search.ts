import type { TraceQuery, TraceSearchResult, TraceSummary } from '../contract/schema.ts';
import type { JoinedTrace } from './joined-trace.ts';
import type { Cell } from './store-rows.ts';

export type RunQuery = (sql: string, parameters: readonly Cell[]) => Promise<Readonly<Record<string, unknown>>[]>;
/** The joined trace that a raw one is part of. */
export type FamilyOf = (traceId: string) => JoinedTrace;

/** Raw traces looked at for one answer; the newest come first. */
const MOST_RAW_TRACES = 20_000;

/**
 * Finds traces. A joined trace is found when any of its raw ones matches, and is one row with the figures of all.
 */
export async function searchTraces(run: RunQuery, query: TraceQuery, familyOf: FamilyOf): Promise<TraceSearchResult> {
  const time = timeCondition(query);
  const where = conditions(query, time);
  const matching = await run(
    `SELECT trace_id FROM all_spans ${where.sql} GROUP BY trace_id ORDER BY max(start_ns) DESC LIMIT ${MOST_RAW_TRACES}`,
    where.parameters,
  );
  const families = new Map<string, JoinedTrace>();
  for (const row of matching) {
    const family = familyOf(String(row.trace_id));
    families.set(family.traceId, family);
  }
  const total = await countFamilies(run, time, familyOf);
  const summaries = await summarise(run, [...families.values()]);
  const kept = summaries.filter((summary) => fits(summary, query)).sort((a, b) => b.startUnixMs - a.startUnixMs);
  return { traces: kept.slice(0, query.limit), matched: kept.length, total };
}

/** One row for each joined trace, from the rows of its raw ones. */
export async function summarise(run: RunQuery, families: readonly JoinedTrace[]): Promise<TraceSummary[]> {
  const rootOf = new Map(
    families.flatMap(({ traceId, rawTraceIds }) => rawTraceIds.map((raw) => [raw, traceId] as const)),
  );
  if (rootOf.size === 0) return [];
  const ids = [...rootOf.keys()];
  const rows = await run(
    `SELECT trace_id, arg_min(title, CASE WHEN parent_span_id = '' THEN 0 ELSE 1 END) AS title, min(start_ns) AS first_ns,
       max(end_ns) AS last_ns, count(DISTINCT identity) AS spans, count(DISTINCT identity) FILTER (failed) AS errors,
       list(DISTINCT service) AS services, list(DISTINCT node_id) FILTER (node_id IS NOT NULL) AS nodes,
       list(DISTINCT group_id) FILTER (group_id IS NOT NULL) AS groups
     FROM all_spans WHERE trace_id IN (${ids.map(() => '?').join(', ')}) GROUP BY trace_id`,
    ids,
  );
  const summaries = new Map<string, TraceSummary>();
  for (const row of rows) {
    const raw = String(row.trace_id);
    const root = rootOf.get(raw) ?? raw;
    const own = readSummary(row, root);
    const known = summaries.get(root);
    summaries.set(root, known === undefined ? own : merge(known, own, raw === root));
  }
  return [...summaries.values()];
}

async function countFamilies(run: RunQuery, time: Condition[], familyOf: FamilyOf): Promise<number> {
  const where = joinConditions(time);
  const rows = await run(`SELECT DISTINCT trace_id FROM all_spans ${where.sql}`, where.parameters);
  return new Set(rows.map((row) => familyOf(String(row.trace_id)).traceId)).size;
}

interface Condition {
  readonly sql: string;
  readonly parameters: readonly Cell[];
}

function conditions(query: TraceQuery, time: readonly Condition[]): Condition {
  const all = [...time];
  if (query.service !== undefined) all.push({ sql: 'service = ?', parameters: [query.service] });
  if (query.nodeId !== undefined) all.push({ sql: 'node_id = ?', parameters: [query.nodeId] });
  if (query.groupId !== undefined) all.push({ sql: 'group_id = ?', parameters: [query.groupId] });
  if (query.status === 'error') all.push({ sql: 'failed', parameters: [] });
  if (query.text !== undefined && query.text !== '') {
    all.push({ sql: "otlp ILIKE ? ESCAPE '\\'", parameters: [`%${query.text.replace(/[\\%_]/g, '\\$&')}%`] });
  }
  return joinConditions(all);
}

function timeCondition(query: TraceQuery): Condition[] {
  const nano = (unixMs: number) => BigInt(Math.max(0, Math.round(unixMs))) * 1_000_000n;
  return [
    ...(query.fromMs === undefined ? [] : [{ sql: 'start_ns >= ?', parameters: [nano(query.fromMs)] }]),
    ...(query.toMs === undefined ? [] : [{ sql: 'start_ns <= ?', parameters: [nano(query.toMs)] }]),
  ];
}

function joinConditions(all: readonly Condition[]): Condition {
  if (all.length === 0) return { sql: '', parameters: [] };
  return {
    sql: `WHERE ${all.map(({ sql }) => sql).join(' AND ')}`,
    parameters: all.flatMap(({ parameters }) => parameters),
  };
}

/** What only the whole trace can tell. */
function fits(summary: TraceSummary, query: TraceQuery): boolean {
  if (query.minDurationMs !== undefined && summary.durationMs < query.minDurationMs) return false;
  if (query.maxDurationMs !== undefined && summary.durationMs > query.maxDurationMs) return false;
  return query.status !== 'ok' || summary.errors === 0;
}

function readSummary(row: Readonly<Record<string, unknown>>, traceId: string): TraceSummary {
  const first = BigInt(row.first_ns as bigint);
  return {
    traceId,
    title: String(row.title),
    startUnixMs: Number(first / 1_000n) / 1_000,
    durationMs: Number(BigInt(row.last_ns as bigint) - first) / 1e6,
    spans: Number(row.spans),
    errors: Number(row.errors),
    services: items(row.services).map(String),
    nodeIds: items(row.nodes).map(Number),
    groupIds: items(row.groups).map(Number),
  };
}

function items(value: unknown): readonly unknown[] {
  const list = typeof value === 'object' && value !== null ? Reflect.get(value, 'items') : undefined;
  return Array.isArray(list) ? list : [];
}

/** Raw traces of one family on one line. Clocks are not aligned here: a summary shows raw times. */
function merge(a: TraceSummary, b: TraceSummary, bIsRoot: boolean): TraceSummary {
  const root = bIsRoot ? b : a;
  const union = <T>(one: readonly T[], other: readonly T[]) => [...new Set([...one, ...other])];
  return {
    traceId: root.traceId,
    title: root.title,
    startUnixMs: root.startUnixMs,
    durationMs: Math.max(root.durationMs, 0),
    spans: a.spans + b.spans,
    errors: a.errors + b.errors,
    services: union(root.services, union(a.services, b.services)),
    nodeIds: union(root.nodeIds, union(a.nodeIds, b.nodeIds)),
    groupIds: union(a.groupIds, b.groupIds),
  };
}
