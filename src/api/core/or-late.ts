/** Stands for the result of work that takes longer than the client waits. */
export const LATE = Symbol('late');

/** The result of `work`, or LATE when it takes longer than `waitMs`. The work itself goes on. */
export async function orLate<T>(work: Promise<T>, waitMs: number): Promise<T | typeof LATE> {
  // After LATE was answered, a later failure of the work must not become an unhandled rejection.
  work.catch(() => {});
  if (waitMs === 0) return LATE;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => (timer = setTimeout(() => resolve(LATE), waitMs)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
