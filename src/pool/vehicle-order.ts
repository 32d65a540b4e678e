/**
 * Which planned vehicle is next, as ORDER BY terms over `vehicle_syncs` AS sync and `vehicles` AS vehicle; parameter `ageing` is
 * the setting worker_pool.ageing_ms.
 *
 * 1. Vehicles that were put off because they run elsewhere come last, so that they are tried again at the end of the run.
 * 2. Priority class, plus one for each `ageing` since the last sync (or since the vehicle was added), so that a low class does not wait for ever.
 * 3. Larger vehicles first: a run would wait for a large vehicle that it began last.
 * 4. The id, so that the same rows always give the same order.
 */
export const nextVehicleOrder = (ageing: string): string => `
  sync.deferrals > 0,
  sync.class + floor(extract(epoch FROM sync.planned_at - coalesce(vehicle.last_synced_at, vehicle.created_at)) * 1000 / ${ageing}) DESC,
  sync.planned_rows DESC,
  sync.vehicle_id`;
