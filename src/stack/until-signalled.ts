/** The handlers stay: a terminal sends the signal and npm sends it again, and the second one must not end the process while it tidies up. */
export function untilSignalled(
  signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'],
): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) process.on(signal, resolve);
  });
}
