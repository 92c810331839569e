/**
 * Runs one benchmark: prints a table, and with `--json FILE` writes `{suite, rows: [{name, value, unit}]}`. A row over its
 * budget makes the run fail.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runnerImport } from 'vite';

const FOLDER = dirname(fileURLToPath(import.meta.url));

const { values, positionals } = parseArgs({ options: { json: { type: 'string' } }, allowPositionals: true });
const suites = readdirSync(FOLDER).flatMap((name) => /^(.+)\.bench\.ts$/.exec(name)?.[1] ?? []);
const [suite] = positionals;
if (positionals.length !== 1 || !suites.includes(suite)) {
  console.error(`usage: npm run bench -- SUITE [--json FILE]\nsuites: ${suites.join(', ')}`);
  process.exit(2);
}

const { module } = await runnerImport(join(FOLDER, `${suite}.bench.ts`), { root: resolve(FOLDER, '../..') });
const rows = await module.measure();
const over = rows.filter((row) => row.budget !== undefined && row.value > row.budget);
console.table(
  Object.fromEntries(rows.map(({ name, value, unit, budget }) => [name, { value, unit, budget: budget ?? '' }])),
);
if (values.json !== undefined) {
  const plain = rows.map(({ name, value, unit }) => ({ name, value, unit }));
  writeFileSync(
    resolve(process.env.INIT_CWD ?? '.', values.json),
    `${JSON.stringify({ suite, rows: plain }, null, 2)}\n`,
  );
}
if (over.length > 0) console.error(`over budget: ${over.map((row) => row.name).join(', ')}`);
process.exit(over.length > 0 ? 1 : 0);
