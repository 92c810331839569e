import type { Millis } from '../base/clock.ts';

/** Named deadlines of one machine: setting one again moves it, and each fires once. */
export class TimerTable<Name extends string> {
  readonly #deadlines = new Map<Name, Millis>();
  #next: Millis | undefined;

  set(name: Name, at: Millis): void {
    this.#deadlines.set(name, at);
    this.#next = undefined;
  }

  /** Sets it unless it is already due earlier. */
  setEarlier(name: Name, at: Millis): void {
    const before = this.#deadlines.get(name);
    if (before === undefined || at < before) this.set(name, at);
  }

  clear(name: Name): void {
    if (this.#deadlines.delete(name)) this.#next = undefined;
  }

  has(name: Name): boolean {
    return this.#deadlines.has(name);
  }

  next(): Millis | undefined {
    if (this.#next === undefined) {
      for (const at of this.#deadlines.values()) if (this.#next === undefined || at < this.#next) this.#next = at;
    }
    return this.#next;
  }

  /** Removes and returns what is due, earliest first. */
  takeDue(now: Millis): Name[] {
    const due = [...this.#deadlines].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
    for (const [name] of due) this.clear(name);
    return due.map(([name]) => name);
  }
}
