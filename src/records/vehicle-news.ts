import type { Queryable } from '../connections/postgres.ts';

/**
 * What the newest position of a vehicle says, beside its last sync. `fresh`: news within a day. `silent`: synced within a day, and it has sent
 * nothing for longer: the vehicle. `unsynced`: not synced for a day, so nobody knows: the sync. `never`: not synced yet.
 */
export const NEWS = ['fresh', 'silent', 'unsynced', 'never'] as const;
export type News = (typeof NEWS)[number];

/** SQL of a row of vehicles. A position of a broken clock that lies ahead is as fresh as one of now. */
export const newsOf = (vehicle: string): string =>
  `CASE WHEN ${vehicle}.last_synced_at IS NULL THEN 'never'
        WHEN ${vehicle}.newest_position_at > now() - interval '24 hours' THEN 'fresh'
        WHEN ${vehicle}.last_synced_at <= now() - interval '24 hours' THEN 'unsynced' ELSE 'silent' END`;

/** Counts enabled vehicles by their news. */
export async function countVehiclesByNews(database: Queryable): Promise<{ news: News; vehicles: number }[]> {
  const { rows } = await database.query<{ news: News; vehicles: number }>(
    `SELECT ${newsOf('vehicle')} AS news, count(*)::float8 AS vehicles FROM vehicles AS vehicle WHERE enabled GROUP BY 1`,
  );
  return rows;
}
