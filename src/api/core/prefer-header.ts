/** How long the client is ready to wait, in milliseconds, by RFC 7240. 0 for `respond-async`; null when the client does not say. */
export function preferredWaitMs(header: string | undefined): number | null {
  for (const preference of header?.toLowerCase().split(/[,;]/) ?? []) {
    if (preference.trim() === 'respond-async') return 0;
    const [, seconds] = /^\s*wait\s*=\s*(\d{1,6})\s*$/.exec(preference) ?? [];
    if (seconds !== undefined) return Number(seconds) * 1000;
  }
  return null;
}

/** The header of the answer that says which preference was applied. */
export const preferenceApplied = (header: string | undefined): Record<string, string> =>
  preferredWaitMs(header) === null || header === undefined ? {} : { 'preference-applied': header.trim() };
