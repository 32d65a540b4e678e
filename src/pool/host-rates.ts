import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { namingDatabaseFailures } from '../connections/database-errors.ts';

export type RateKind = 'dumps' | 'rows' | 'bytes';

/** How fast one legacy host may be worked, over all runs and workers. A rate of 0 is no limit. */
export interface HostRates {
  /** Waits until one more dump, of about so many rows, may begin. Errors: DatabaseUnavailable, the signal's reason. */
  dump(
    rows: number,
    session: { signal?: AbortSignal | undefined; onQueued?: ((waiting: boolean) => void) | undefined },
  ): Promise<void>;
  /** Waits until so many more bytes may come; they have come already, so that the next ones wait for them. Errors: as `dump`. */
  bytes(count: number, signal?: AbortSignal): Promise<void>;
  /** Bytes per second; 0 is no limit. */
  bytesPerSecond(): number;
}

/** A bucket holds what comes in one second, and at least one. */
const burstOf = (perSecond: number): number => Math.max(1, perSecond);
/** Bytes are taken from their row in portions of this part of a second, so that a fast line does not ask it for each chunk. */
const PORTION_SECONDS = 0.25;

/** Token buckets that are rows of `server_rates`. `perSecond` says the rates as they are now. */
export function createHostRates(pool: pg.Pool, serverId: string, perSecond: (kind: RateKind) => number): HostRates {
  const wait = async (kind: RateKind, amount: number, signal?: AbortSignal): Promise<void> => {
    const rate = perSecond(kind);
    if (rate <= 0 || amount <= 0) return;
    const owed = -(await take(pool, { serverId, kind, amount, rate }));
    if (owed <= 0) return;
    try {
      await sleep((owed / rate) * 1_000, undefined, { ...(signal && { signal }) });
    } catch {
      // What was not done is given back, so that those behind it do not pay for it.
      await take(pool, { serverId, kind, amount: -amount, rate }).catch(() => {});
      signal?.throwIfAborted();
    }
  };
  let granted = 0;
  return {
    async dump(rows, { signal, onQueued }) {
      if (perSecond('dumps') <= 0 && perSecond('rows') <= 0) return;
      onQueued?.(true);
      try {
        await wait('dumps', 1, signal);
        await wait('rows', rows, signal);
      } finally {
        onQueued?.(false);
      }
    },
    async bytes(count, signal) {
      const rate = perSecond('bytes');
      if (rate <= 0) return;
      granted -= count;
      if (granted >= 0) return;
      const portion = Math.max(-granted, rate * PORTION_SECONDS);
      granted += portion;
      await wait('bytes', portion, signal);
    },
    bytesPerSecond: () => perSecond('bytes'),
  };
}

/** Takes tokens, which have come in since the last time, and says how many are there now; below 0 they are owed. */
async function take(
  pool: pg.Pool,
  { serverId, kind, amount, rate }: { serverId: string; kind: RateKind; amount: number; rate: number },
): Promise<number> {
  const { rows } = await namingDatabaseFailures(`Taking ${kind} of the rate limit of ${serverId}`, () =>
    pool.query<{ tokens: number }>(
      // The row's lock is taken before the clock of the update is read.
      `INSERT INTO server_rates AS rate (server_id, kind, tokens) VALUES ($1, $2, $4::float8 - $3::float8)
       ON CONFLICT (server_id, kind) DO UPDATE
         SET tokens = least($4::float8, rate.tokens + greatest(0, extract(epoch FROM clock_timestamp() - rate.updated_at)) * $5::float8) - $3::float8,
             updated_at = clock_timestamp()
       RETURNING tokens`,
      [serverId, kind, amount, burstOf(rate), rate],
    ),
  );
  return rows[0]!.tokens;
}
