import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import { recordAct } from '../../../records/audit-log.ts';
import { insertStep, lockRollout, openedStep, reopenIdleStep, withdrawRunning } from '../../../records/rollouts.ts';
import type { RolloutActivities } from '../../../workflows/legacy-sync/rollout-contract.ts';
import { changeForStep } from './change-settings.ts';
import type { RolloutDependencies } from './rollout-dependencies.ts';
import { reasonOf, takeBack } from './take-back.ts';

/** Opens a step: its changes and its row are one transaction, which a second call finds done. Errors: NotFound, DatabaseUnavailable. */
export const createOpenStep =
  ({ pool }: RolloutDependencies): RolloutActivities['openStep'] =>
  (input) =>
    namingDatabaseFailures(`Opening a step of rollout ${input.rolloutId}`, () =>
      inTransaction(pool, async (client) => {
        const { rolloutId, position, by, unattended } = input;
        const rollout = await lockRollout(client, rolloutId);
        const step = rollout?.steps[position];
        if (rollout === null || step === undefined) {
          throw new Failure('NotFound', `Opening step ${position + 1} of rollout ${rolloutId}: it has no such step.`);
        }
        const done = await openedStep(client, input);
        if (done !== null) return { number: done };
        const { serverId, state } = rollout;
        // A rollout that was ended from outside is put back by others. If this attempt, or a reset, changed settings again, nobody would put them
        // back.
        if (state !== 'running') {
          throw new Failure(
            'WrongState',
            `Opening step ${step.name} of rollout ${rolloutId}: it is ${state}, and what it had changed is put back. \`fleetgraph rollout start ${serverId}\` starts another one.`,
          );
        }
        // After a reset, the changes of a later step may still be in force, from the course before.
        await takeBack(client, { rolloutId, serverId, position: position + 1 }, { by, withdrawn: true });
        await withdrawRunning(client, rolloutId);
        const reason = reasonOf(serverId, `step ${step.name} opens`, by);
        if (unattended) {
          const details = { rolloutId, step: step.name };
          await recordAct(client, {
            actor: by.actor,
            action: 'rollout.advance',
            subject: `server ${serverId}`,
            reason,
            details,
          });
        }
        const changes = await changeForStep(client, { serverId, step }, { actor: by.actor, reason });
        // The row is used again only when nothing had to be changed: a change gets a row of its own, by which it can be taken back.
        const reopened = input.forNews && changes.length === 0 ? await reopenIdleStep(client, input) : null;
        return { number: reopened ?? (await insertStep(client, input, changes)) };
      }),
    );
