const TRIES = 5;

/**
 * How many times as much processor time `act` takes for `large` as for `small`, at its best of some tries: work that grows
 * with its input grows by their ratio, work that grows with the square of it by its square. Other programs that take turns
 * on the processor do not count.
 */
export function cpuGrowth<T>(small: T, large: T, act: (input: T) => unknown): number {
  act(small); // compiled before it is measured
  act(large);
  const best = (input: T) => Math.min(...Array.from({ length: TRIES }, () => cpuMicros(() => act(input))));
  return best(large) / Math.max(1, best(small));
}

function cpuMicros(act: () => unknown): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
