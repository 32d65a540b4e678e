import type pg from 'pg';

/** Renews a build's lease until it is released, so that a sweep knows the builder is alive. */
export function holdLease(pool: pg.Pool, id: string, leaseMs: number): { release(): void } {
  const timer = setInterval(() => {
    pool
      .query(
        `UPDATE graphs SET lease_until = now() + $2 * interval '1 ms' WHERE id = $1 AND state IN ('building', 'activating')`,
        [id, leaseMs],
      )
      // PostgreSQL away: the lease may run out, which the switch finds out.
      .catch(() => {});
  }, leaseMs / 3);
  timer.unref();
  return { release: () => clearInterval(timer) };
}
