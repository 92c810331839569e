import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test could not run here; counted as "not run", by itself. Any other skipped test counts as failed. */
    notRun?: string;
  }
}

/** Ends a test that needs something only PyPI has, where PyPI cannot be reached. */
export function notRun(context: TestContext, reason: string): never {
  context.task.meta.notRun = reason;
  return context.skip(reason);
}
