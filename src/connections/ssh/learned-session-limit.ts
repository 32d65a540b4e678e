/** How long a refusal counts: an administrator may raise MaxSessions, or the host may have freed a session late. */
const REMEMBERED_MS = 600_000;

/** The host's MaxSessions, as its refusals show it; it may be lower than our setting. */
export function learnedSessionLimit(now: () => number = Date.now) {
  let learned = Number.POSITIVE_INFINITY;
  let until = 0;
  return {
    current: (configured: number) => (now() < until ? Math.min(configured, learned) : configured),
    /** The host refused a channel while `open` others were open on the connection. */
    refusedAt: (open: number) => {
      learned = Math.max(1, now() < until ? Math.min(learned, open) : open);
      until = now() + REMEMBERED_MS;
    },
  };
}
