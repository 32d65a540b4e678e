import type pg from 'pg';
import { renewLease } from '../../../records/graphs.ts';

/** Renews a build's lease until it is released, so that a sweep knows the builder is alive. */
export function holdLease(pool: pg.Pool, id: string, leaseMs: number): { release(): void } {
  const timer = setInterval(() => {
    renewLease(pool, id, leaseMs)
      // PostgreSQL is away. The lease may run out meanwhile; the switch checks that.
      .catch(() => {});
  }, leaseMs / 3);
  timer.unref();
  return { release: () => clearInterval(timer) };
}
