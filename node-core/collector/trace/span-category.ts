import { PATH_KINDS, type PathKind } from '../../base/report.ts';
import { ATTR, SPAN, SPAN_EVENT } from '../../base/tracer.ts';
import type { TraceSpan } from '../../contract/trace.ts';
import { type AttributeList, attributeOf, type SpanRecord, textAttribute } from '../span.ts';

export type SpanCategory = TraceSpan['category'];

/** What the time of a span was spent on from a moment on. */
export interface CategoryStretch {
  readonly fromUnixNano: bigint;
  readonly category: SpanCategory;
}

const SETUP: ReadonlySet<string> = new Set([
  SPAN.registryCall,
  SPAN.resolve,
  SPAN.dial,
  SPAN.keyExchange,
  SPAN.relayFallback,
]);
const FLOWS: ReadonlySet<string> = new Set([SPAN.stream, SPAN.ping]);
/** Operations of OpenTelemetry's `gen_ai` that run a model; the others (`invoke_agent`, `execute_tool`) only use one. */
const MODEL_OPERATIONS: ReadonlySet<unknown> = new Set(['chat', 'text_completion', 'generate_content', 'embeddings']);
/** A parent whose children cover this share of it only contains them; what is left is nobody's. */
const CONTAINS = 0.5;

/** The path of a flow's span, or undefined for spans that are no flow. */
export function pathOf(span: SpanRecord): PathKind | undefined {
  return FLOWS.has(span.name) || attributeOf(span.attributes, ATTR.flowId) !== undefined
    ? pathIn(span.attributes, ATTR.path)
    : undefined;
}

/**
 * What kind of time a span is, by its attributes: a span with none is work. `coveredShare` says how much of it its children
 * cover, undefined when it has none.
 */
export function categoryOf(span: SpanRecord, coveredShare: number | undefined): SpanCategory {
  const own = ownCategory(span);
  if (own !== undefined) return own;
  return coveredShare !== undefined && coveredShare >= CONTAINS ? 'container' : 'work';
}

/**
 * What a span's time was spent on, from its start: a stream is dialled until its peer has answered, and a flow that changed
 * its path has a kind for each stretch after that.
 */
export function categoryStretches(span: SpanRecord, category: SpanCategory): CategoryStretch[] {
  const stretches = pathStretches(span, category);
  const answered = span.name === SPAN.stream ? timeOf(span, SPAN_EVENT.synAckReceived) : undefined;
  if (answered === undefined) return stretches;
  const then = stretches.filter(({ fromUnixNano }) => fromUnixNano <= answered).at(-1)?.category ?? category;
  return [
    { fromUnixNano: span.startTimeUnixNano, category: 'setup' },
    { fromUnixNano: answered, category: then },
    ...stretches.filter(({ fromUnixNano }) => fromUnixNano > answered),
  ];
}

/** A flow's own attribute names the last path, each event the one before it too. */
function pathStretches(span: SpanRecord, category: SpanCategory): CategoryStretch[] {
  const changes = FLOWS.has(span.name) ? span.events.filter((event) => event.name === SPAN_EVENT.pathChanged) : [];
  const [first] = changes;
  const before = first === undefined ? undefined : pathIn(first.attributes, ATTR.previousPath);
  return [
    { fromUnixNano: span.startTimeUnixNano, category: before === undefined ? category : flowCategory(before) },
    ...changes.map((event) => ({
      fromUnixNano: event.timeUnixNano,
      category: flowCategory(pathIn(event.attributes, ATTR.path)),
    })),
  ];
}

function ownCategory(span: SpanRecord): SpanCategory | undefined {
  if (SETUP.has(span.name) || attributeOf(span.attributes, ATTR.registryMethod) !== undefined) return 'setup';
  if (FLOWS.has(span.name)) return flowCategory(pathIn(span.attributes, ATTR.path));
  if (attributeOf(span.attributes, ATTR.workKind) === 'queue') return 'queue';
  if (isModel(span.attributes)) return 'model';
  return undefined;
}

function flowCategory(path: PathKind | undefined): SpanCategory {
  return path === 'relay' ? 'relay' : 'network';
}

function timeOf(span: SpanRecord, event: string): bigint | undefined {
  return span.events.find(({ name }) => name === event)?.timeUnixNano;
}

function isModel(attributes: AttributeList): boolean {
  const operation = attributeOf(attributes, 'gen_ai.operation.name');
  if (operation !== undefined) return MODEL_OPERATIONS.has(operation);
  return attributeOf(attributes, 'gen_ai.request.model') !== undefined;
}

function pathIn(attributes: AttributeList, key: string): PathKind | undefined {
  const text = textAttribute(attributes, key);
  return PATH_KINDS.find((kind) => kind === text);
}
