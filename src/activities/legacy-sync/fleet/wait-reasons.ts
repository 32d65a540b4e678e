import type pg from 'pg';
import type { Claim } from '../../../workflows/legacy-sync/activities.ts';
import type { ClaimRequest } from './claim-request.ts';

/** Why vehicles of a server cannot start; `retryInMs` is set when the end of the wait is known. */
export interface Obstacle {
  reason: string;
  retryInMs?: number;
}

const REASONS_SHOWN = 3;
/** A long wait is cut into steps of this many polls, because an operator may close the circuit meanwhile. */
const LONGEST_WAIT_POLLS = 10;

/** The answer when vehicles are planned and none of them can start now. */
export async function waitFor(
  client: pg.ClientBase,
  { run, settings, workers }: ClaimRequest,
  obstacles: Obstacle[],
): Promise<Claim> {
  const all = [...obstacles, ...(await runningElsewhere(client, run.runId))];
  if (all.length === 0) all.push({ reason: 'every planned vehicle is being looked at by another worker slot' });
  const reasons = [...new Set(all.map(({ reason }) => reason))];
  const shown = reasons.slice(0, REASONS_SHOWN).join('; ');
  const more = reasons.length - REASONS_SHOWN;
  const poll = settings.claimPollMs;
  const soonest = Math.min(...all.map(({ retryInMs }) => retryInMs ?? 0));
  return {
    kind: 'wait',
    reason: more > 0 ? `${shown}; and ${more} more` : shown,
    retryInMs: Math.ceil(Math.max(poll, Math.min(soonest, poll * LONGEST_WAIT_POLLS))),
    workers,
  };
}

async function runningElsewhere(client: pg.ClientBase, runId: string): Promise<Obstacle[]> {
  const { rows } = await client.query<{ elsewhere: string | null; message: string | null }>(
    `SELECT DISTINCT other.run_id AS elsewhere, CASE WHEN other.run_id IS NULL THEN sync.failure_message END AS message
     FROM vehicle_syncs AS sync
     LEFT JOIN vehicle_syncs AS other ON other.vehicle_id = sync.vehicle_id AND other.state = 'claimed'
     WHERE sync.run_id = $1 AND sync.state = 'planned' AND (other.run_id IS NOT NULL OR sync.not_before > clock_timestamp())
     LIMIT ${REASONS_SHOWN + 1}`,
    [runId],
  );
  return rows.map(({ elsewhere, message }) => ({
    reason: elsewhere ? `already running in ${elsewhere}` : (message ?? 'put off for a moment'),
  }));
}
