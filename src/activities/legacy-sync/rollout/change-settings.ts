import type { Queryable } from '../../../connections/postgres.ts';
import { changeServerLimit, readLegacyServer } from '../../../records/legacy-servers.ts';
import type { StepChange } from '../../../records/rollouts.ts';
import { changeSetting, listSettings } from '../../../records/settings.ts';
import { LEGACY_SYNC_SETTINGS } from '../../../settings/legacy-sync.ts';
import type { RolloutStep } from '../../../workflows/legacy-sync/rollout-contract.ts';

const MAX_WORKERS_KEY = LEGACY_SYNC_SETTINGS.maxWorkers.key;
const ADAPTIVE_KEY = LEGACY_SYNC_SETTINGS.adaptiveEnabled.key;

interface By {
  actor: string;
  reason: string;
}

/** What a step governs, as it is now. */
interface Governed {
  limit: number | null;
  'max-workers': number;
  adaptive: boolean;
}

/** Changes what the step needs, and returns what was there before. It does not touch what is already as the step needs it. */
export async function changeForStep(
  client: Queryable,
  { serverId, step }: { serverId: string; step: RolloutStep },
  by: By,
): Promise<StepChange[]> {
  const now = await read(client, serverId);
  const changes: StepChange[] = [];
  if (now.limit !== step.limit) changes.push({ what: 'limit', from: now.limit, to: step.limit });
  // The slots are those of every run over all servers, so they are never made fewer; the server's own limit holds the step's runs back.
  if (step.vehicles === null && now['max-workers'] < step.workers) {
    changes.push({ what: 'max-workers', from: now['max-workers'], to: step.workers });
  }
  if (step.adaptive && !now.adaptive) changes.push({ what: 'adaptive', from: false, to: true });
  for (const { what, to } of changes) await write(client, { serverId, what, value: to }, by);
  return changes;
}

/** Puts back what a step had changed. What somebody else has changed since stays, and is told. */
export async function undoChanges(
  client: Queryable,
  { serverId, changes }: { serverId: string; changes: readonly StepChange[] },
  by: By,
): Promise<string[]> {
  const now = await read(client, serverId);
  const kept: string[] = [];
  for (const { what, from, to } of changes) {
    if (now[what] === to) await write(client, { serverId, what, value: from }, by);
    else kept.push(toldOf(serverId, { what, now: now[what], was: to }));
  }
  return kept;
}

async function read(client: Queryable, serverId: string): Promise<Governed> {
  const { limits } = await readLegacyServer(client, serverId);
  // Each row is taken by itself: a refused value in another one must not end a rollout.
  const values = new Map((await listSettings(client)).map(({ key, value }) => [key, value]));
  return {
    limit: limits.maxConcurrentVehicles ?? null,
    'max-workers': Number(values.get(MAX_WORKERS_KEY)) || LEGACY_SYNC_SETTINGS.maxWorkers.default,
    adaptive: values.get(ADAPTIVE_KEY) === 'true',
  };
}

async function write(
  client: Queryable,
  { serverId, what, value }: { serverId: string; what: StepChange['what']; value: Value },
  by: By,
): Promise<void> {
  if (what === 'limit') return changeServerLimit(client, { id: serverId, limit: value as number | null }, by);
  await changeSetting(client, what === 'adaptive' ? ADAPTIVE_KEY : MAX_WORKERS_KEY, String(value), by);
}

type Value = number | boolean | null;

function toldOf(serverId: string, { what, now, was }: { what: StepChange['what']; now: Value; was: Value }): string {
  const told = (value: Value): string => (value === null ? 'that of the setting' : String(value));
  return `${nameOf(serverId, what)} stays ${told(now)}: somebody has changed it from ${told(was)}, which the step had set`;
}

function nameOf(serverId: string, what: StepChange['what']): string {
  if (what === 'limit') return `the own limit of ${serverId}`;
  return what === 'adaptive' ? ADAPTIVE_KEY : MAX_WORKERS_KEY;
}
