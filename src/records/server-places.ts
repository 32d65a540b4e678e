import type { Queryable } from '../connections/postgres.ts';
import { fixedLimit } from '../settings/fixed-limit.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { inFlightAt } from './work-claims.ts';

/** How many vehicles and slices are in flight at a legacy server, how many may be, and why. */
export interface ServerPlaces {
  serverId: string;
  inFlight: number;
  /** How many may be now. */
  limit: number;
  /** How many may be where the limit does not adapt. */
  fixedLimit: number;
  /** null: the limit does not adapt. */
  adaptive: {
    phase: 'growing' | 'held' | 'trying' | 'recovering';
    /** Why the limit is what it is; null before its first change. */
    reason: string | null;
    changedAt: Date | null;
  } | null;
}

type PlacesSettings = Pick<LegacySyncSettings, 'adaptiveEnabled' | 'maxConcurrentVehicles'>;

/** Of all servers, or of the one of this id. */
export async function readServerPlaces(
  database: Queryable,
  settings: PlacesSettings,
  id: string | null = null,
): Promise<ServerPlaces[]> {
  const { rows } = await database.query<{
    serverId: string;
    limits: Record<string, unknown>;
    inFlight: number;
    limit: number;
    phase: NonNullable<ServerPlaces['adaptive']>['phase'];
    reason: string | null;
    changedAt: Date | null;
  }>(
    `SELECT server.id AS "serverId", server.limits, ${inFlightAt('server.id')} AS "inFlight",
            coalesce((adaptive #>> '{limit,limit}')::int, 1) AS "limit", coalesce(adaptive #>> '{limit,phase}', 'growing') AS phase,
            last.reason, last.changed_at AS "changedAt"
       FROM legacy_servers AS server JOIN legacy_server_state AS known ON known.server_id = server.id
       LEFT JOIN LATERAL (SELECT reason, changed_at FROM limit_changes WHERE server_id = server.id ORDER BY id DESC LIMIT 1) AS last ON true
      WHERE $1::text IS NULL OR server.id = $1 ORDER BY server.id`,
    [id],
  );
  return rows.map(({ serverId, limits, inFlight, limit, phase, reason, changedAt }) => {
    const most = fixedLimit(limits, settings);
    if (!settings.adaptiveEnabled) return { serverId, inFlight, limit: most, fixedLimit: most, adaptive: null };
    const adaptive = { phase, reason, changedAt };
    return { serverId, inFlight, limit: Math.min(limit, most), fixedLimit: most, adaptive };
  });
}
