import type pg from 'pg';
import { namingDatabaseFailures } from '../connections/database-errors.ts';
import { inTransaction } from '../connections/postgres.ts';
import type { FailureCode } from '../errors.ts';
import { recordLimitChange } from '../records/limit-changes.ts';
import { workOf } from '../records/open-work.ts';
import { countInFlight } from '../records/work-claims.ts';
import { fixedLimit } from '../settings/fixed-limit.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { type AdaptiveLimit, type EndedWork, type HostLoad, SLOW_START, recordEnd } from './adaptive-limit.ts';
import { type FlightTime, NO_FLIGHTS, beginFlight, endFlight } from './flight-time.ts';
import { lockServers } from './server-state.ts';

/** What `legacy_server_state.adaptive` holds. */
export interface KeptLimit {
  limit: AdaptiveLimit;
  flights: FlightTime;
}

/** A claim, or an attempt at it. */
interface Work {
  serverId: string;
  runId: string;
  /** Names it among those in flight at the server. */
  key: string;
}

interface Moment {
  /** By PostgreSQL's clock, since the server was locked. */
  now: number;
  settings: Pick<LegacySyncSettings, 'maxConcurrentVehicles' | 'maxLoadPerCore' | 'maxThreadsRunning'>;
}

/** The limits of these servers, as far as they adapt by now. The caller has the locks of `lockServers`, as with all functions here. */
export async function readAdaptiveLimits(
  client: pg.ClientBase,
  serverIds: readonly string[],
): Promise<Map<string, KeptLimit>> {
  const { rows } = await client.query<{ serverId: string; adaptive: KeptLimit | null }>(
    'SELECT server_id AS "serverId", adaptive FROM legacy_server_state WHERE server_id = ANY($1)',
    [serverIds],
  );
  return new Map(
    rows.map(({ serverId, adaptive }) => [serverId, adaptive ?? { limit: SLOW_START, flights: NO_FLIGHTS }]),
  );
}

/** A vehicle or slice was claimed just now. */
export async function noteBegun(client: pg.ClientBase, { serverId, key }: Work, now: number): Promise<void> {
  const kept = await readAdaptiveLimit(client, serverId);
  const inFlight = (await countInFlight(client, serverId)) - 1;
  await write(client, serverId, { ...kept, flights: beginFlight(kept.flights, key, { inFlight, now }) });
}

/** A claim was settled just now; `inFlight` is found here. */
export async function noteEnded(
  client: pg.ClientBase,
  work: Work,
  ended: Omit<EndedWork, 'inFlight'>,
  { now, settings }: Moment,
): Promise<void> {
  const kept = await readAdaptiveLimit(client, work.serverId);
  const inFlight = (await countInFlight(client, work.serverId)) + 1;
  const flight = endFlight(kept.flights, work.key, { inFlight, begunAt: ended.begunAt, now });
  // Trouble is told with how many there are now: they are what the server could not cope with.
  const told = { ...ended, inFlight: ended.code === null ? flight.mean : inFlight };
  await decide(client, { work, kept: { ...kept, flights: flight.time } }, told, { now, settings });
}

/** How many of a run's worker slots hold something at a server that is in trouble with a single one in flight: they wait more than they work. */
export async function countStuckSlots(client: pg.ClientBase, runId: string): Promise<number> {
  const { rows } = await client.query<{ stuck: number }>(
    `SELECT count(*)::int AS stuck FROM (${workOf('$1', 'claimed')}) AS held JOIN legacy_server_state AS known USING (server_id)
      WHERE known.adaptive @> '{"limit": {"limit": 1, "phase": "recovering"}}'`,
    [runId],
  );
  return rows[0]?.stuck ?? 0;
}

export interface LimitStore {
  /** An attempt failed that is tried again: the limit does not wait for the vehicle's end. Errors: DatabaseUnavailable. */
  attemptFailed(work: Work, attempt: { code: FailureCode; tookMs: number }): Promise<void>;
}

export function createLimitStore(pool: pg.Pool, settings: () => LegacySyncSettings): LimitStore {
  return {
    async attemptFailed(work, { code, tookMs }) {
      if (!settings().adaptiveEnabled) return;
      await namingDatabaseFailures(`Adapting the limit of ${work.serverId}`, () =>
        inTransaction(pool, async (client) => {
          const now = (await lockServers(client, [work.serverId])).get(work.serverId)?.lockedAt;
          if (now === undefined) return;
          const kept = await readAdaptiveLimit(client, work.serverId);
          const inFlight = await countInFlight(client, work.serverId);
          const told = { code, inFlight, rows: 0, ms: tookMs, begunAt: now - tookMs };
          await decide(client, { work, kept }, told, { now, settings: settings() });
        }),
      );
    },
  };
}

/** Keeps what a host said of its load, with the time. Errors: DatabaseUnavailable. */
export async function noteHostLoad(
  pool: pg.Pool,
  serverId: string,
  { loadPerCore, threadsRunning }: HostLoad,
): Promise<void> {
  await namingDatabaseFailures(`Keeping the load of ${serverId}`, () =>
    pool.query(
      `UPDATE legacy_server_state SET host_load = coalesce(host_load, '{}') || jsonb_strip_nulls(jsonb_build_object(
         'loadPerCore', $2::float8, 'threadsRunning', $3::float8)) || jsonb_build_object('at', extract(epoch FROM clock_timestamp()) * 1000)
       WHERE server_id = $1`,
      [serverId, loadPerCore, threadsRunning],
    ),
  );
}

async function decide(
  client: pg.ClientBase,
  { work, kept }: { work: Work; kept: KeptLimit },
  told: EndedWork,
  { now, settings }: Moment,
): Promise<void> {
  const { serverId, runId } = work;
  const { rows } = await client.query<{ limits: Record<string, unknown>; load: HostLoad | null }>(
    `SELECT limits, CASE WHEN to_timestamp((host_load ->> 'at')::float8 / 1000) > clock_timestamp() - interval '1 minute' THEN host_load END AS load
       FROM legacy_servers JOIN legacy_server_state ON server_id = id WHERE id = $1`,
    [serverId],
  );
  const most = fixedLimit(rows[0]?.limits ?? {}, settings);
  const { maxLoadPerCore, maxThreadsRunning } = settings;
  const load = rows[0]?.load;
  const heard = load ? { ...told, load } : told;
  const { state, change } = recordEnd(kept.limit, heard, { now, most, maxLoadPerCore, maxThreadsRunning });
  await write(client, serverId, { ...kept, limit: state });
  if (change) await recordLimitChange(client, { serverId, runId, ...change });
}

async function readAdaptiveLimit(client: pg.ClientBase, serverId: string): Promise<KeptLimit> {
  return (await readAdaptiveLimits(client, [serverId])).get(serverId)!;
}

async function write(client: pg.ClientBase, serverId: string, kept: KeptLimit): Promise<void> {
  await client.query(
    'UPDATE legacy_server_state SET adaptive = $2, updated_at = clock_timestamp() WHERE server_id = $1',
    [serverId, kept],
  );
}
