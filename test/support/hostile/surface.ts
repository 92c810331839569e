/** One third of the inputs each: junk; true messages damaged after sealing or framing; wrong inside, from an authenticated peer. */
export const MALICE = ['random', 'damaged', 'wrong inside'] as const;
export type Malice = (typeof MALICE)[number];

/** One place where a running process takes input from others. */
export interface Surface {
  readonly name: string;
  /** Inputs that are under way at once. */
  readonly atOnce: number;
  /** Sends one input; resolves when it was taken, refused or lost. */
  hurl(malice: Malice): Promise<void>;
  close(): Promise<void>;
}
