import { connectDeck } from '../deck-client/deck-connection.ts';
import { readDeckFile } from '../host/deck-file.ts';
import { printJsonText, printLine } from '../io/terminal.ts';

/** Shows a trace of the running deck: as OTLP JSON, or a line for each span. */
export async function runTraceShow(
  folder: string,
  traceId: string,
  options: { readonly otlp: boolean; readonly joined: boolean },
): Promise<void> {
  const deck = await connectDeck(await readDeckFile(folder));
  try {
    if (options.otlp) {
      const { json } = await deck.client.trace.export({ traceIds: [traceId], joined: options.joined });
      printJsonText(json);
      return;
    }
    const trace = await deck.client.trace.get({ traceId });
    printLine(`${trace.title}  ${trace.durationMs.toFixed(1)} ms  ${trace.spans.length} spans`);
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
