import type { Millis } from '../base/clock.ts';

interface Going {
  readonly since: Millis;
  toldAt: Millis;
  times: number;
  untold: number;
}

/**
 * Says a trouble that comes again and again once, then at most once in so long how often it came, and that it is over.
 * What is said of a store that fails must not be more for it to store.
 */
export class Trouble {
  readonly #say: (text: string) => void;
  readonly #everyMs: number;
  #going: Going | undefined;
  #latest = '';

  constructor(say: (text: string) => void, everyMs: number) {
    this.#say = say;
    this.#everyMs = everyMs;
  }

  note(text: string, now: Millis): void {
    this.#latest = text;
    if (this.#going === undefined) {
      this.#going = { since: now, toldAt: now, times: 1, untold: 0 };
      this.#say(text);
      return;
    }
    this.#going.times += 1;
    this.#going.untold += 1;
    this.poll(now);
  }

  poll(now: Millis): void {
    const going = this.#going;
    if (going === undefined || going.untold === 0 || now - going.toldAt < this.#everyMs) return;
    this.#say(`${this.#latest} (${going.untold} times more in ${seconds(now - going.toldAt)})`);
    Object.assign(going, { toldAt: now, untold: 0 });
  }

  /** What failed works. `again` begins the sentence that says so. */
  end(again: string, now: Millis): void {
    const going = this.#going;
    this.#going = undefined;
    if (going !== undefined) this.#say(`${again}, after ${counted(going.times)} in ${seconds(now - going.since)}`);
  }
}

function seconds(ms: Millis): string {
  return `${Math.max(1, Math.round(ms / 1_000))} s`;
}

function counted(times: number): string {
  return times === 1 ? 'one failure' : `${times} failures`;
}
