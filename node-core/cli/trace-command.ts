import { joinTrace } from '../contract/trace-parts.ts';
import { connectDeck } from '../deck-client/deck-connection.ts';
import { readDeckFile } from '../host/deck-file.ts';
import { printFailure, printJsonText, printLine } from '../io/terminal.ts';

/** Shows a trace of the running deck: as OTLP JSON, or a line for each span. */
export async function runTraceShow(
  folder: string,
  traceId: string,
  options: { readonly otlp: boolean; readonly joined: boolean },
): Promise<void> {
  const deck = await connectDeck(await readDeckFile(folder));
  try {
    if (options.otlp) {
      const { json, spans, total } = await deck.client.trace.export({ traceIds: [traceId], joined: options.joined });
      printJsonText(json);
      if (spans < total) printFailure(`${spans} of ${total} spans are there: the last are too many for one file`);
      return;
    }
    const trace = await joinTrace(await deck.client.trace.get({ traceId }));
    const spans =
      trace.spans.length < trace.totalSpans ? `${trace.spans.length} of ${trace.totalSpans}` : trace.totalSpans;
    printLine(`${trace.title}  ${trace.durationMs.toFixed(1)} ms  ${spans} spans`);
    for (const span of trace.spans) {
      const error = span.status === 'error' ? `  error: ${span.statusMessage}` : '';
      printLine(
        `${'  '.repeat(span.depth)}${span.service}  ${span.name}  +${span.startMs.toFixed(1)} ms  ${span.durationMs.toFixed(2)} ms${error}`,
      );
    }
  } finally {
    deck.close();
  }
}
