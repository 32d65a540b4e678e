import { Failure } from '../../../errors.ts';

export interface StallLimits {
  stallBytesPerSecond: number;
  stallMs: number;
}

export interface StallGuard {
  signal: AbortSignal;
  stop(): void;
}

/** Watches a number of bytes grow. Its signal aborts with TransferStalled when too few came within `stallMs`. */
export function stallGuard(
  read: () => number,
  { stallBytesPerSecond, stallMs }: StallLimits,
  what: string,
): StallGuard {
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
