import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { type Queryable, inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import { insertRollout, laidOutSteps, otherRunningRollouts, rolloutsBeside } from '../../../records/rollouts.ts';
import type { SettingsReader } from '../../../records/settings-reader.ts';
import { enabledVehiclesOf } from '../../../records/vehicles.ts';
import { fixedLimit } from '../../../settings/fixed-limit.ts';
import { LEGACY_SYNC_SETTINGS } from '../../../settings/legacy-sync.ts';
import type {
  PlanRolloutInput,
  RolloutActivities,
  RolloutStep,
} from '../../../workflows/legacy-sync/rollout-contract.ts';
import { layOutSteps } from './lay-out-steps.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';
import { settleLost } from './settle-lost-rollout.ts';

/** Lays out the steps of a rollout, once. Errors: InvalidConfiguration, InvalidSelection, InvalidSetting, WrongState, DatabaseUnavailable. */
export const createPlanRollout =
  ({ pool, settings }: RolloutDependencies): RolloutActivities['planRollout'] =>
  (input) =>
    namingDatabaseFailures(`Planning the rollout of ${input.serverId}`, () =>
      inTransaction(pool, async (client) => {
        const known = await laidOutSteps(client, input.rolloutId);
        if (known !== null) return { steps: known };
        // One that was terminated could not put back what it had changed, and its limits would be taken for the server's own.
        for (const lost of await otherRunningRollouts(client, input.serverId, input.rolloutId)) {
          await settleLost(client, lost, input.requestedBy);
        }
        const steps = await stepsOf(client, input, settings);
        await refuseShared(client, { serverId: input.serverId, steps, reader: settings });
        await insertRollout(client, input, steps);
        // If another attempt was faster, its steps are the ones that count.
        return { steps: (await laidOutSteps(client, input.rolloutId)) ?? steps };
      }),
    );

async function stepsOf(
  client: Queryable,
  { serverId, maxWorkers }: PlanRolloutInput,
  reader: SettingsReader,
): Promise<RolloutStep[]> {
  const { limits } = await readLegacyServer(client, serverId);
  const vehicles = (await enabledVehiclesOf(client, serverId)).filter(({ partOf }) => partOf === null).length;
  if (vehicles === 0) {
    throw new Failure(
      'InvalidSelection',
      `Planning the rollout of ${serverId}: it has no enabled vehicle. \`fleetgraph vehicles discover ${serverId}\` finds those that it has rows of. Nothing was changed.`,
    );
  }
  const settings = await reader.read(client);
  // Each step would run with one slot, and be judged as if it had its own.
  if (!settings.poolEnabled) {
    const { key } = LEGACY_SYNC_SETTINGS.poolEnabled;
    throw new Failure(
      'InvalidSetting',
      `Planning the rollout of ${serverId}: ${key} is false, so every run has one slot, and no step can show more at a time. \`fleetgraph settings set ${key} true\`, then start it again. Nothing was changed.`,
    );
  }
  const most = maxWorkers ?? fixedLimit(limits, settings);
  return layOutSteps({ vehicles, most, limit: maxWorkers ?? limits.maxConcurrentVehicles ?? null });
}

/**
 * What a rollout sets for every server is put back when it is taken back: another one that counts on it, or sets it too, would be left with neither's. What is
 * as both need it already is nobody's to put back.
 */
async function refuseShared(
  client: Queryable,
  { serverId, steps, reader }: { serverId: string; steps: readonly RolloutStep[]; reader: SettingsReader },
): Promise<void> {
  const beside = await rolloutsBeside(client, serverId);
  if (beside.length === 0) return;
  const settings = await reader.read(client);
  const missing = (of: readonly RolloutStep[]) => ({
    'max-workers': of.some(({ vehicles, workers }) => vehicles === null && workers > settings.maxWorkers),
    adaptive: !settings.adaptiveEnabled && of.some(({ adaptive }) => adaptive),
  });
  const own = missing(steps);
  for (const other of beside) {
    const theirs = missing(other.steps);
    const shared = (['max-workers', 'adaptive'] as const).find(
      (what) => other.sharedChanges.includes(what) || (own[what] && theirs[what]),
    );
    if (shared === undefined) continue;
    const { key } = shared === 'adaptive' ? LEGACY_SYNC_SETTINGS.adaptiveEnabled : LEGACY_SYNC_SETTINGS.maxWorkers;
    throw new Failure(
      'WrongState',
      `Planning the rollout of ${serverId}: the one of ${other.serverId} is under way and holds ${key}, which this one would write too; wait until it has ended, or take it back with \`fleetgraph rollout back ${other.serverId} --reason "…"\`, then start this one again. Nothing was changed.`,
    );
  }
}
