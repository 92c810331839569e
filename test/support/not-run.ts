import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a test could not run here; counted as "not run", by itself. Any other skipped test counts as failed. */
    notRun?: string;
  }
}

/** Ends a test of the stock programs where they cannot be had, or not be kept in a network of their own. */
export function notRun(context: TestContext, reason: string): never {
  context.task.meta.notRun = reason;
  return context.skip(reason);
}
