import type pg from 'pg';
import {
  type OpenWork,
  costKey,
  insertForecast,
  openWork,
  pastForecasts,
  readCosts,
} from '../../../records/forecasts.ts';
import { readServerPlaces } from '../../../records/server-places.ts';
import { UNSEEN_COST, expectedMs, isKnown, spreadOf } from '../../../pool/forecast.ts';
import { listedMs, slotsWorthOpening } from '../../../pool/list-schedule.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { PlanRunInput } from '../../../workflows/legacy-sync/activities.ts';

/**
 * Keeps how long a planned run is expected to take, and with how many slots it is worth beginning. Limits that adapt are taken as they are now. `workers` are the slots that are wanted. Making it again
 * changes nothing. Errors: those of the database.
 */
export async function keepForecast(
  pool: pg.Pool,
  { runId, workflowId }: Pick<PlanRunInput, 'runId' | 'workflowId'>,
  { settings, workers }: { settings: LegacySyncSettings; workers: number },
): Promise<void> {
  const open = await openWork(pool, runId);
  if (open.length === 0) return;
  const costs = await readCosts(pool, [...new Set(open.map(({ serverId }) => serverId))]);
  const costOf = ({ serverId, unit }: OpenWork) => costs.get(costKey(serverId, unit)) ?? UNSEEN_COST;
  const work = open.map((each) => ({ serverId: each.serverId, ms: expectedMs(costOf(each), each.rows) }));
  const places = await readServerPlaces(pool, settings);
  const limits = new Map(places.map(({ serverId, limit }) => [serverId, limit]));
  const wanted = { slots: workers, limitOf: (serverId: string) => limits.get(serverId) ?? workers };
  const known = open.every((each) => isKnown(costOf(each)));
  const fewer = settings.slotsByForecast && known ? slotsWorthOpening(work, wanted) : workers;
  const p50Ms = listedMs(work, { ...wanted, slots: fewer });
  await insertForecast(pool, runId, {
    known,
    workMs: work.reduce((sum, { ms }) => sum + ms, 0),
    p50Ms,
    p90Ms: p50Ms * spreadOf(await pastForecasts(pool, workflowId)),
    slots: fewer < workers ? fewer : null,
    costs: costsInUse(open, costOf),
  });
}

function costsInUse(open: readonly OpenWork[], costOf: (each: OpenWork) => { fixedMs: number; perRowMs: number }) {
  const used: Parameters<typeof insertForecast>[2]['costs'] = {};
  for (const each of open) {
    const { fixedMs, perRowMs } = costOf(each);
    (used[each.serverId] ??= {})[each.unit] = { fixedMs, perRowMs };
  }
  return used;
}
