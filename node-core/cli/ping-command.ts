import { connectDeck } from '../deck-client/deck-connection.ts';
import { readDeckFile } from '../host/deck-file.ts';
import { printJson, printLine } from '../io/terminal.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';

/** Pings from the running deck. Exit status 1 when nothing came back. */
export async function runPing(
  folder: string,
  text: string,
  options: { readonly json: boolean; readonly timeout: number },
): Promise<void> {
  const { node, network } = parseAddress(text);
  const deck = await connectDeck(await readDeckFile(folder));
  const address = formatAddress({ network, node });
  try {
    const { rttMs, path } = await deck.client.peer.ping({ nodeId: node, timeoutMs: options.timeout });
    print(
      options.json,
      { address, nodeId: node, answered: true, rttMs, path },
      `${address} answered in ${rttMs.toFixed(2)} ms, ${path}`,
    );
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    print(
      options.json,
      { address, nodeId: node, answered: false, error: code ?? message },
      `${address} did not answer: ${message}`,
    );
    process.exitCode = 1;
  } finally {
    deck.close();
  }
}

function print(json: boolean, value: object, sentence: string): void {
  if (json) printJson(value);
  else printLine(sentence);
}
