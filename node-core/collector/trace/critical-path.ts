/** A span on the one time axis, in milliseconds. */
export interface TimedSpan {
  readonly startMs: number;
  readonly endMs: number;
  /** Index of the parent, -1 for a root. No span is its own ancestor. */
  readonly parentIndex: number;
  /** How far its times may be off, as its clock was moved by an estimate. */
  readonly slackMs: number;
}

/** A stretch of the critical path that one span is answerable for; -1 where no span covers it. */
export interface PathSegment {
  readonly index: number;
  readonly startMs: number;
  readonly endMs: number;
}

/** A span whose time is being walked back, from `cursor` to `floor`. */
interface Frame {
  readonly index: number;
  readonly floor: number;
  cursor: number;
  /** Its children that had ended by then, the last to end at the end. */
  readonly ended: number[];
  /** Those that still ran then, the first to end at the end. */
  readonly running: number[];
}

const NOBODY = -1;

/**
 * The longest chain back from the end: from the last moment of the trace, always to the child that ended nearest to that
 * moment, and to the parent itself where there is none. Mostly it ended just before; but a stream is closed a moment after
 * the call that waited for it has returned, and is still what that call waited for. What outlived its parent is the end of
 * the chain if it ended last of all.
 *
 * Linear after sorting, without recursion, so that a chain of 100,000 parents is no deeper than any other.
 *
 * @returns Segments in the order of time; together they cover the trace from its first start to its last end.
 */
export function criticalPath(spans: readonly TimedSpan[]): PathSegment[] {
  return spans.length === 0 ? [] : new PathWalk(spans).walk();
}

class PathWalk {
  readonly #spans: readonly TimedSpan[];
  readonly #children: readonly number[][];
  readonly #roots: number[] = [];
  readonly #backwards: PathSegment[] = [];

  constructor(spans: readonly TimedSpan[]) {
    this.#spans = spans;
    const byEnd = spans.map((_, index) => index).sort((a, b) => this.#endOf(a) - this.#endOf(b) || b - a);
    this.#children = spans.map(() => []);
    for (const index of byEnd) (this.#children[spans[index]?.parentIndex ?? NOBODY] ?? this.#roots).push(index);
  }

  walk(): PathSegment[] {
    const indexes = this.#spans.map((_, index) => index);
    const firstStart = indexes.reduce(
      (least, index) => Math.min(least, this.#startOf(index)),
      Number.POSITIVE_INFINITY,
    );
    const last = indexes.reduce((best, index) => (this.#isLaterEnd(index, best) ? index : best), 0);
    const cursor = this.#climb(last, this.#endOf(last));
    this.#descend(this.#frame(NOBODY, cursor, firstStart, this.#roots)); // what other roots have before
    return this.#backwards.reverse();
  }

  /** Walks back through a span, then through each of its ancestors from the moment its child began. */
  #climb(from: number, to: number): number {
    let cursor = to;
    for (let index = from; index !== NOBODY; index = this.#spans[index]?.parentIndex ?? NOBODY) {
      const start = this.#startOf(index);
      const end = Math.max(start, Math.min(this.#endOf(index), cursor));
      this.#add(NOBODY, end, cursor);
      this.#descend(this.#frame(index, end, start, this.#children[index]));
      cursor = Math.min(cursor, start);
    }
    return cursor;
  }

  #descend(top: Frame): void {
    const frames = [top];
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const child = this.#nextChild(frame);
      if (child === undefined) {
        this.#add(frame.index, frame.floor, frame.cursor);
        frames.pop();
        continue;
      }
      const end = Math.min(this.#endOf(child), frame.cursor);
      this.#add(frame.index, end, frame.cursor);
      frame.cursor = Math.max(this.#startOf(child), frame.floor);
      frames.push(this.#frame(child, end, frame.cursor, this.#children[child]));
    }
  }

  #frame(index: number, cursor: number, floor: number, children: readonly number[] = []): Frame {
    return { index, floor, cursor, ended: [...children], running: [] };
  }

  /** The child that ended nearest to the cursor, of those that began before it. */
  #nextChild({ ended, running, cursor, floor }: Frame): number | undefined {
    if (cursor <= floor) return undefined;
    for (let last = ended.at(-1); last !== undefined && this.#outlived(last, cursor) > 0; last = ended.at(-1)) {
      running.push(last);
      ended.pop();
    }
    dropWhile(running, (child) => this.#startOf(child) >= cursor);
    dropWhile(ended, (child) => this.#startOf(child) >= cursor);
    const before = ended.at(-1);
    const after = running.at(-1);
    const hasEnded = before !== undefined && this.#endOf(before) > floor;
    if (after === undefined) return hasEnded ? ended.pop() : undefined;
    const isNearer = hasEnded && cursor - this.#endOf(before) <= this.#outlived(after, cursor);
    return isNearer ? ended.pop() : running.pop();
  }

  /** How long a span still ran after a moment, beyond what its clock may be off. */
  #outlived(index: number, moment: number): number {
    return this.#endOf(index) - moment - (this.#spans[index]?.slackMs ?? 0);
  }

  #isLaterEnd(index: number, than: number): boolean {
    const difference = this.#endOf(index) - this.#endOf(than);
    return difference > 0 || (difference === 0 && this.#startOf(index) < this.#startOf(than));
  }

  #add(index: number, startMs: number, endMs: number): void {
    if (endMs <= startMs) return;
    const last = this.#backwards.at(-1);
    if (last?.index === index && last.startMs === endMs) {
      this.#backwards[this.#backwards.length - 1] = { index, startMs, endMs: last.endMs };
    } else this.#backwards.push({ index, startMs, endMs });
  }

  #startOf(index: number): number {
    return this.#spans[index]?.startMs ?? 0;
  }

  /** A span that ends before it starts, as a stepped clock may have it, takes no time. */
  #endOf(index: number): number {
    const span = this.#spans[index];
    return span === undefined ? 0 : Math.max(span.startMs, span.endMs);
  }
}

/** Takes from the end of a list what is no use. */
function dropWhile(list: number[], useless: (index: number) => boolean): void {
  for (let last = list.at(-1); last !== undefined && useless(last); last = list.at(-1)) list.pop();
}
