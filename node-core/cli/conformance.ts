import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCase, type Verdict } from './conformance/run-case.ts';
import { parseVectorFile, type VectorFile } from './conformance/vector-file.ts';

/** How many cases ended in which way. Only `failed` is a fault. */
export interface ConformanceCounts {
  passed: number;
  failed: number;
  deviates: number;
  notBuilt: number;
  retired: number;
  otherVersion: number;
}

/**
 * Runs every case of every vector file (`*.json`) in a folder against our code, and writes a line for each section, each
 * failure and each total. The last line is `N passed, N failed`.
 *
 * @see PROTOCOL.md, "Deviations"
 */
export async function runConformance(dir: string, write: (line: string) => void): Promise<ConformanceCounts> {
  const totals = noCounts();
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json')).sort();
  for (const name of names) {
    try {
      const file = parseVectorFile(await readFile(join(dir, name), 'utf8'));
      await runFile(file, totals, write);
    } catch (error) {
      totals.failed += 1;
      write(`${name}: failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (names.length === 0) {
    totals.failed += 1;
    write(`failed: no vector file (*.json) in ${dir}`);
  }
  write(`${totals.deviates} deviates, ${totals.notBuilt} not built, ${totals.retired} retired`);
  write(`${totals.otherVersion} other version`);
  write(`${totals.passed} passed, ${totals.failed} failed`);
  return totals;
}

async function runFile(file: VectorFile, totals: ConformanceCounts, write: (line: string) => void): Promise<void> {
  for (const [section, cases] of Object.entries(file.sections)) {
    const counts = noCounts();
    for (const vector of cases) {
      const verdict = await runCase(file.file, section, vector);
      counts[verdict.kind] += 1;
      if (verdict.kind === 'failed') write(`  ${vector.id}: ${verdict.reason}`);
    }
    write(`${file.file} ${section}: ${formatCounts(counts)}`);
    for (const key of Object.keys(totals) as Verdict['kind'][]) totals[key] += counts[key];
  }
}

const LABELS: Readonly<Record<Verdict['kind'], string>> = {
  passed: 'passed',
  failed: 'failed',
  deviates: 'deviates',
  notBuilt: 'not built',
  retired: 'retired',
  otherVersion: 'other version',
};

function formatCounts(counts: ConformanceCounts): string {
  const kinds = (Object.keys(counts) as Verdict['kind'][]).filter((kind) => counts[kind] > 0);
  return kinds.map((kind) => `${counts[kind]} ${LABELS[kind]}`).join(', ') || 'no cases';
}

function noCounts(): ConformanceCounts {
  return { passed: 0, failed: 0, deviates: 0, notBuilt: 0, retired: 0, otherVersion: 0 };
}
