import type pg from 'pg';
import { completedWork, costKey, endForecast, lockCost, writeCost } from '../../../records/forecasts.ts';
import { UNSEEN_COST, learn } from '../../../pool/forecast.ts';

/** Writes how long a run took beside its forecast, and learns from the items that it completed. A second call for the same run changes nothing. */
export async function learnFromRun(client: pg.ClientBase, runId: string): Promise<void> {
  if (!(await endForecast(client, runId))) return;
  const work = await completedWork(client, runId);
  const kinds = new Map(work.map(({ serverId, unit }) => [costKey(serverId, unit), { serverId, unit }]));
  // Runs that end at the same time lock these rows in the same order, so that they never wait for each other in a circle.
  for (const [key, { serverId, unit }] of [...kinds].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const own = work.filter((each) => costKey(each.serverId, each.unit) === key);
    const before = (await lockCost(client, serverId, unit)) ?? UNSEEN_COST;
    await writeCost(client, serverId, unit, own.reduce(learn, before));
  }
}
