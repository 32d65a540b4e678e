/** Several heartbeats fit into the shortest heartbeat timeout, 10 s. The answer to one tells the activity that it was cancelled. */
const HEARTBEAT_MS = 3_000;

/** Runs `work`, and heartbeats until it has ended, each time with the details of that moment. */
export async function heartbeating<T>(
  heartbeat: (details: unknown) => void,
  details: () => unknown,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => heartbeat(details()), HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
