import type { Client } from '@temporalio/client';
import type pg from 'pg';
import { vehicleSyncWorkflowId } from '../src/workflows/legacy-sync/messages.ts';

/** Averages over the vehicles of a run, in milliseconds. */
export interface StageTimes {
  exportMs: number;
  loadMs: number;
  /** The time in the vehicle's workflow outside of the two activities: Temporal's steps, and waiting for CPU in the worker. */
  restMs: number;
  /** Planning: from the run's start to its first claim. */
  planMs: number;
}

/** Reads from the vehicles' histories where the time of a run went. */
export async function readStageTimes(client: Client, postgres: pg.Pool, runId: string): Promise<StageTimes> {
  const { rows } = await postgres.query<{ vehicle_id: string; plan_ms: number }>(
    `SELECT s.vehicle_id, (extract(epoch FROM min(s.claimed_at) OVER () - r.started_at) * 1000)::float8 AS plan_ms
       FROM vehicle_syncs s JOIN sync_runs r USING (run_id) WHERE s.run_id = $1 AND s.claimed_at IS NOT NULL`,
    [runId],
  );
  const times = await Promise.all(rows.map(({ vehicle_id }) => readVehicle(client, vehicle_id)));
  const mean = (pick: (one: VehicleTimes) => number): number =>
    times.reduce((sum, one) => sum + pick(one), 0) / Math.max(1, times.length);
  return {
    exportMs: mean((one) => one.exportRange),
    loadMs: mean((one) => one.loadRange),
    restMs: mean((one) => one.total - one.exportRange - one.loadRange),
    planMs: rows[0]?.plan_ms ?? 0,
  };
}

interface VehicleTimes {
  exportRange: number;
  loadRange: number;
  total: number;
}

async function readVehicle(client: Client, vehicleId: string): Promise<VehicleTimes> {
  const { events } = await client.workflow.getHandle(vehicleSyncWorkflowId(vehicleId)).fetchHistory();
  const all = events ?? [];
  const at = (event: (typeof all)[number] | undefined): number =>
    Number(event?.eventTime?.seconds ?? 0) * 1_000 + (event?.eventTime?.nanos ?? 0) / 1e6;
  const byId = new Map(all.map((event) => [String(event.eventId), event]));
  const times: VehicleTimes = { exportRange: 0, loadRange: 0, total: at(all.at(-1)) - at(all[0]) };
  for (const event of all) {
    const done = event.activityTaskCompletedEventAttributes;
    if (done == null) continue;
    const scheduled = byId.get(String(done.scheduledEventId))?.activityTaskScheduledEventAttributes;
    const name = scheduled?.activityType?.name;
    const started = byId.get(String(done.startedEventId));
    if (name === 'exportRange' || name === 'loadRange') times[name] += at(event) - at(started);
  }
  return times;
}

export function describeStages({ exportMs, loadMs, restMs, planMs }: StageTimes): string {
  const ms = (value: number): string => `${Math.round(value)} ms`;
  return `planning ${ms(planMs)}; a vehicle's export ${ms(exportMs)}, load ${ms(loadMs)}, between them ${ms(restMs)}`;
}
