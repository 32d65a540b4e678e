import type { Queryable } from '../connections/postgres.ts';

/**
 * Asks for the next free place at servers that are full, if an operator has named the run's vehicles: they are waited for, and a fleet sync goes
 * on all night. A request that is not made again is soon forgotten, so that a slot that is gone keeps nothing.
 */
export async function requestPlaces(
  client: Queryable,
  { runId, slot, serverIds }: { runId: string; slot: number; serverIds: string[] },
): Promise<void> {
  await client.query(
    `INSERT INTO place_requests (server_id, run_id, slot)
     SELECT asked.server_id, run_id, $2::integer FROM sync_runs, unnest($3::text[]) AS asked (server_id) WHERE run_id = $1 AND selection ->> 'kind' = 'list'
     ON CONFLICT (server_id, run_id, slot) DO UPDATE SET asked_at = clock_timestamp()`,
    [runId, slot, serverIds],
  );
}

/**
 * How many places at server `id` are kept for others than run `run`; both, and `forgetMs`, are SQL expressions. None is kept for a run that has
 * nothing to claim there, and runs of named vehicles keep none for each other.
 */
export const placesKeptAt = (id: string, run: string, forgetMs: string): string => `
  (SELECT count(*)::integer FROM place_requests AS request
    WHERE request.server_id = ${id} AND request.run_id <> ${run} AND request.asked_at > clock_timestamp() - ${forgetMs} * interval '1 millisecond'
      AND NOT EXISTS (SELECT FROM vehicle_syncs AS held
                       WHERE held.run_id = request.run_id AND held.slot = request.slot AND held.state = 'claimed')
      AND (EXISTS (SELECT FROM table_slices AS slice
                    WHERE slice.run_id = request.run_id AND slice.server_id = request.server_id AND slice.state = 'planned')
        OR EXISTS (SELECT FROM vehicle_syncs AS sync
                    WHERE sync.run_id = request.run_id AND sync.server_id = request.server_id AND sync.state = 'planned'
                      AND sync.not_before <= clock_timestamp() AND sync.read_id IS NULL
                      AND NOT EXISTS (SELECT FROM vehicle_syncs AS other WHERE other.vehicle_id = sync.vehicle_id AND other.state = 'claimed')))
      AND NOT EXISTS (SELECT FROM sync_runs AS asking WHERE asking.run_id = ${run} AND asking.selection ->> 'kind' = 'list'))`;
