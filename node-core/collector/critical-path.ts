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
  /** Its children that are not looked at yet, the last to end at the end. */
  readonly children: number[];
  /** The earliest to start of those that were still running when the walk came by. */
  overlapping: number | undefined;
}

const NOBODY = -1;

/**
 * The longest chain back from the end: from the last moment of the trace, always to the child that ended last before, and to
 * the parent itself where none did. A child that still ran then was not what the parent waited for, and is taken only when
 * no other was. What outlived its parent is the end of the chain if it ended last of all.
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
    return { index, floor, cursor, children: [...children], overlapping: undefined };
  }

  /** The child that ended last before the cursor; when there is none, the longest of those that ran across it. */
  #nextChild(frame: Frame): number | undefined {
    for (let child = frame.children.pop(); child !== undefined; child = frame.children.pop()) {
      if (this.#endOf(child) <= frame.floor) break; // and so did all the others
      if (this.#startOf(child) >= frame.cursor) continue;
      const outlived = this.#endOf(child) > frame.cursor + (this.#spans[child]?.slackMs ?? 0);
      if (!outlived) {
        frame.overlapping = undefined;
        return child;
      }
      const best = frame.overlapping;
      if (best === undefined || this.#startOf(child) < this.#startOf(best)) frame.overlapping = child;
    }
    frame.children.length = 0;
    const { overlapping } = frame;
    frame.overlapping = undefined;
    return overlapping !== undefined && this.#startOf(overlapping) < frame.cursor ? overlapping : undefined;
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
