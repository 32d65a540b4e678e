import type pg from 'pg';
import { inTransaction } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { type AuditAction, recordAct } from './audit-log.ts';

export interface DatasetDecision {
  version: string;
  /** Who decided, and why. The row and the audit log both hold it. */
  actor: string;
  reason: string;
}

/**
 * Approves a dataset that is held, or was rejected by mistake. The next sync takes this content, and later content of the source is
 * compared with it.
 * Errors: DatasetDecisionRefused.
 */
export const approveDataset = (pool: pg.Pool, decision: DatasetDecision): Promise<void> =>
  decide(pool, decision, { action: 'dataset.approved', from: ['held', 'rejected'], to: 'held' });

/** Rejects a dataset. Its content is never taken: a sync that finds it again is skipped. Errors: DatasetDecisionRefused. */
export const rejectDataset = (pool: pg.Pool, decision: DatasetDecision): Promise<void> =>
  decide(pool, decision, { action: 'dataset.rejected', from: ['held'], to: 'rejected' });

interface Change {
  action: AuditAction;
  from: string[];
  to: string;
}

async function decide(pool: pg.Pool, decision: DatasetDecision, { action, from, to }: Change): Promise<void> {
  const version = decision.version.trim();
  const [actor, reason] = [decision.actor.trim(), decision.reason.trim()];
  if (actor === '' || reason === '' || !/^[0-9]{1,18}$/.test(version)) {
    throw new Failure(
      'DatasetDecisionRefused',
      `Deciding on dataset ${version}: give its version, your name and a reason.`,
    );
  }
  await inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ state: string; held_reason: string | null }>(
      'SELECT state, held_reason FROM datasets WHERE version = $1 FOR UPDATE',
      [version],
    );
    const state = rows[0]?.state;
    if (state === undefined || !from.includes(state)) {
      const found = state === undefined ? 'there is no such dataset' : `it is ${state}`;
      throw new Failure(
        'DatasetDecisionRefused',
        `Deciding on dataset ${version}: ${found}, and only a held one can be decided on.`,
      );
    }
    await client.query(
      'UPDATE datasets SET state = $2, decided_by = $3, decision_reason = $4, decided_at = now() WHERE version = $1',
      [version, to, actor, reason],
    );
    const details = { held: rows[0]?.held_reason ?? null };
    await recordAct(client, { actor, action, subject: `dataset ${version}`, reason, details });
  });
}
