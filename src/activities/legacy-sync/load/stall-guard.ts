import { Failure } from '../../../errors.ts';

export interface StallLimits {
  stallBytesPerSecond: number;
  stallMs: number;
}

/** Watches a growing number of bytes; its signal aborts with TransferStalled when a whole `stallMs` brought too few of them. */
export function stallGuard(read: () => number, { stallBytesPerSecond, stallMs }: StallLimits, what: string) {
  const controller = new AbortController();
  let last = read();
  const timer = setInterval(() => {
    const now = read();
    const gained = now - last;
    last = now;
    if (gained * 1000 >= stallBytesPerSecond * stallMs) return;
    controller.abort(
      new Failure(
        'TransferStalled',
        `Transferring ${what}: ${gained} bytes in ${stallMs} ms, below ${stallBytesPerSecond} bytes/s. It goes on from there with the next attempt.`,
      ),
    );
  }, stallMs);
  return { signal: controller.signal, stop: () => clearInterval(timer) };
}
