import type { Lifetime } from '../base/lifetime.ts';
import type { Logger } from './log.ts';

type Figures = Readonly<Record<string, unknown>>;

const EVERY_MS = 60_000;

/** Logs figures once a minute while they change, and when the process ends: what it could not do is seen, without a flood. */
export function logFigures(log: Logger, lifetime: Lifetime, read: () => Figures): void {
  let last = JSON.stringify(read());
  const look = (): void => {
    const figures = read();
    const now = JSON.stringify(figures);
    if (now !== last) log.info(figures, 'figures');
    last = now;
  };
  const timer = setInterval(look, EVERY_MS);
  timer.unref();
  lifetime.onEnd(() => {
    clearInterval(timer);
    look();
  });
}
