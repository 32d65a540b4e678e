/** RFC 7240: how long the client is ready to wait, in milliseconds; 0 for `respond-async`, null when it says nothing. */
export function preferredWaitMs(header: string | undefined): number | null {
  for (const preference of header?.toLowerCase().split(/[,;]/) ?? []) {
    if (preference.trim() === 'respond-async') return 0;
    const [, seconds] = /^\s*wait\s*=\s*(\d{1,6})\s*$/.exec(preference) ?? [];
    if (seconds !== undefined) return Number(seconds) * 1000;
  }
  return null;
}

/** What was understood of it, said back. */
export const preferenceApplied = (header: string | undefined): Record<string, string> =>
  preferredWaitMs(header) === null || header === undefined ? {} : { 'preference-applied': header.trim() };

/** What `work` gives, or LATE when it takes longer. */
export const LATE = Symbol('late');
export async function orLate<T>(work: Promise<T>, waitMs: number): Promise<T | typeof LATE> {
  // It goes on behind an answer that was given already.
  work.catch(() => {});
  if (waitMs === 0) return LATE;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<typeof LATE>((resolve) => (timer = setTimeout(() => resolve(LATE), waitMs)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
