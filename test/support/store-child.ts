import { PilotError } from '../../node-core/base/errors.ts';
import { DuckdbGround } from './duckdb-store.ts';
import type { StoreCall, StoreReply } from './remote-store.ts';

/** A process with a store of DuckDB in a folder, that does what it is told. */
async function run(folder: string): Promise<void> {
  const ground = await DuckdbGround.make(folder);
  process.on('message', async ({ id, call }: { id: number; call: StoreCall }) => {
    process.send?.({ id, ...(await answer(ground, call)) });
  });
}

async function answer(ground: DuckdbGround, call: StoreCall): Promise<StoreReply> {
  try {
    return { value: await obey(ground, call) };
  } catch (error) {
    if (!(error instanceof PilotError)) throw error;
    return { refused: { code: error.code, message: error.message } };
  }
}

async function obey(ground: DuckdbGround, call: StoreCall): Promise<number> {
  switch (call.type) {
    case 'open':
      await ground.open(call.limits, call.memoryLimit);
      return ground.opened;
    case 'close':
      await ground.close();
      return ground.opened;
    case 'add':
      return (await ground.store.add(call.spans, [])).length;
    case 'count':
      return (await ground.store.spansOf(call.traceIds, { spans: 1 })).total;
    case 'opened':
      return ground.opened;
  }
}

void run(process.argv[2] ?? '');
