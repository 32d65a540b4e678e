/** Not once: npm passes a signal on and a terminal sends its own, and the second must not end us in the middle of tidying up. */
export function untilSignalled(
  signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'],
): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) process.on(signal, resolve);
  });
}
