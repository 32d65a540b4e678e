/**
 * Called after a piece of so many bytes was worked on: it resolves when this process may go on with the next one. Bytes, because a slowed
 * process takes as long for a dump however it is cut. Errors: the signal's reason.
 */
export type WorkPace = (signal: AbortSignal, bytes: number) => Promise<void>;
