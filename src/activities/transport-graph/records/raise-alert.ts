import type pg from 'pg';
import type { Logger } from '../../../logger.ts';
import type { PipelineActivities } from '../../../workflows/transport-graph/activities.ts';
import { type AlertChannels, postWebhook, sendEmail } from './alert-channels.ts';

export interface RaiseAlertDependencies {
  pool: pg.Pool;
  settings: { read(): Promise<AlertChannels> };
  logger: Logger;
}

/**
 * Tells the admin, once per key: a row, a log line, and the configured channels. What cannot be delivered is recorded in the row; it never
 * fails the run whose failure it tells of. Errors: DatabaseUnavailable, after which the same alert is asked for again.
 */
export function createRaiseAlert({ pool, settings, logger }: RaiseAlertDependencies): PipelineActivities['raiseAlert'] {
  return async (alert) => {
    // A row without a delivery is of an attempt that was killed before it could say what it told.
    const { rows } = await pool.query<{ id: string; told: boolean }>(
      `INSERT INTO alerts (worker_id, subject, message, dedupe_key) VALUES ($1, $2, $3, $4)
       ON CONFLICT (dedupe_key) DO UPDATE SET subject = EXCLUDED.subject
       RETURNING id, delivery <> '{}' AS told`,
      [alert.workerId, alert.subject, alert.message, alert.dedupeKey],
    );
    const [row] = rows;
    if (row === undefined || row.told) return;
    logger.error({ workerId: alert.workerId }, `ALERT ${alert.subject}: ${alert.message}`);
    const delivery = await settings.read().then(
      async (to) => {
        const [webhook, email] = await Promise.all([
          delivered(to.alertWebhook !== '', to.alertTimeoutMs, (signal) => postWebhook(to, alert, signal)),
          delivered(to.alertEmailTo !== '' && to.smtpHost !== '', to.alertTimeoutMs, () => sendEmail(to, alert)),
        ]);
        return { webhook, email };
      },
      // Settings that are refused are no reason to ask for the same alert for ever.
      (error: unknown) => ({ webhook: `failed: ${textOf(error)}`, email: `failed: ${textOf(error)}` }),
    );
    const undelivered = Object.entries(delivery).filter(([, how]) => how.startsWith('failed'));
    for (const [channel, how] of undelivered) logger.warn({ alert: row.id }, `the alert by ${channel} ${how}`);
    await pool.query('UPDATE alerts SET delivery = $2 WHERE id = $1', [row.id, delivery]);
  };
}

/** Within `timeoutMs` whatever the other side does: the activity's own timeout would repeat what was told already. */
async function delivered(
  wanted: boolean,
  timeoutMs: number,
  deliver: (signal: AbortSignal) => Promise<void>,
): Promise<string> {
  if (!wanted) return 'off';
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${timeoutMs} ms`)), { once: true });
  });
  try {
    await Promise.race([deliver(signal), late]);
    return 'sent';
  } catch (error) {
    return `failed: ${textOf(error)}`;
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
