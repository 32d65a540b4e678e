import type { Queryable } from '../../../connections/postgres.ts';
import { markUndone, stepsInForce } from '../../../records/rollouts.ts';
import type { RolloutOrder } from '../../../workflows/legacy-sync/rollout-contract.ts';
import { undoChanges } from './change-settings.ts';

/** Puts back what the steps from this place on have changed, the last one first. The caller holds the lock of `lockRollout`. */
export async function takeBack(
  client: Queryable,
  { rolloutId, serverId, position }: { rolloutId: string; serverId: string; position: number },
  { by, withdrawn }: { by: RolloutOrder; withdrawn: boolean },
): Promise<void> {
  const reason = reasonOf(serverId, withdrawn ? 'a step is taken back' : 'it ends', by);
  for (const { number, changes } of await stepsInForce(client, rolloutId, position)) {
    const kept = await undoChanges(client, { serverId, changes }, { actor: by.actor, reason });
    await markUndone(client, { rolloutId, number }, { kept, withdrawn });
  }
}

/** What the audit log says of a change that a rollout makes. */
export const reasonOf = (serverId: string, doing: string, { reason }: RolloutOrder): string =>
  `rollout of ${serverId}: ${doing}${reason ? ` (${reason})` : ''}`;
