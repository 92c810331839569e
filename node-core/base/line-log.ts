/** A file of lines that grows at its end, as `io/` keeps it and tests imitate it. One call at a time. */
export interface LineLog {
  /** What it weighs. */
  readonly bytes: number;
  /** Whether it is still where it was: what goes into a file that somebody has removed is not safe. */
  isThere(): Promise<boolean>;
  /** Resolves when the lines are safe on disk. Rejects when they are not: then none of them is in the log. */
  append(lines: readonly string[]): Promise<void>;
  /** Puts these lines in place of all before, or leaves everything as it was. */
  replace(lines: readonly string[]): Promise<void>;
}
