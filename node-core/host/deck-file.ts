import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PilotError } from '../base/errors.ts';
import { writeStateFile } from '../io/state-file.ts';

/** What a running deck leaves in its data folder so that short commands on the same machine find it. Owner-only. */
const deckFile = z.object({
  pid: z.number().int(),
  nodeId: z.number().int(),
  address: z.string(),
  /** Where a browser finds the interface; the token that it needs besides is nowhere on disk. */
  url: z.string(),
  otlpHttp: z.string(),
  registry: z.string(),
  beacon: z.string(),
  registryFingerprint: z.string().optional(),
  /** How the paths of this deck's local sockets begin, and of its fleet's. */
  sockets: z.string(),
});
export type DeckFile = z.infer<typeof deckFile>;

export async function writeDeckFile(folder: string, deck: DeckFile): Promise<void> {
  await writeStateFile(join(folder, 'deck.json'), `${JSON.stringify(deck, null, 2)}\n`);
}

export async function removeDeckFile(folder: string): Promise<void> {
  await rm(join(folder, 'deck.json'), { force: true });
}

/** @throws PilotError `config.invalid` when no deck runs in the folder. */
export async function readDeckFile(folder: string): Promise<DeckFile> {
  try {
    return deckFile.parse(JSON.parse(await readFile(join(folder, 'deck.json'), 'utf8')));
  } catch (cause) {
    throw new PilotError(
      'config.invalid',
      `no running deck found in ${folder}; start one with "npm start" or "flightdeck serve", or name its folder with --data`,
      {},
      { cause },
    );
  }
}
