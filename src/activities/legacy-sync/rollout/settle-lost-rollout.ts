import type { Queryable } from '../../../connections/postgres.ts';
import { finishRollout, lockRollout, withdrawRunning } from '../../../records/rollouts.ts';
import { takeBack } from './take-back.ts';

/**
 * Does for a rollout that was ended from outside what it could not do any more: puts back what it had changed, and says `lost`. false: it has
 * been ended meanwhile.
 */
export async function settleLost(client: Queryable, rolloutId: string, actor: string): Promise<boolean> {
  const rollout = await lockRollout(client, rolloutId);
  if (rollout?.state !== 'running') return false;
  const { serverId } = rollout;
  const by = { actor, reason: `rollout ${rolloutId} was ended from outside` };
  await takeBack(client, { rolloutId, serverId, position: 0 }, { by, withdrawn: false });
  await withdrawRunning(client, rolloutId);
  await finishRollout(client, rolloutId, 'lost');
  return true;
}
