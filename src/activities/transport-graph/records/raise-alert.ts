import { createTransport } from 'nodemailer';
import type pg from 'pg';
import { readSecret } from '../../../connections/secrets.ts';
import type { Logger } from '../../../logger.ts';
import type { AlertInput, PipelineActivities } from '../../../workflows/transport-graph/activities.ts';

export interface AlertChannels {
  /** Where a JSON body is posted; empty: off. */
  webhookUrl: string;
  /** Addresses, separated by commas; empty: off. */
  emailTo: string;
  emailFrom: string;
  /** `file:` or `env:` reference to an smtp:// URL, which may hold a password. */
  smtpRef: string;
}

export interface RaiseAlertDependencies {
  pool: pg.Pool;
  channels: () => AlertChannels;
  logger: Logger;
}

const DELIVERY_TIMEOUT_MS = 10_000;

/**
 * Tells the admin, once per key: a row, a log line, and the configured channels. What cannot be delivered is recorded in the row; it never
 * fails the run whose failure it tells of.
 */
export function createRaiseAlert({ pool, channels, logger }: RaiseAlertDependencies): PipelineActivities['raiseAlert'] {
  return async (alert) => {
    // A row without a delivery is of an attempt that was killed before it told anybody.
    const { rows } = await pool.query<{ id: string; told: boolean }>(
      `INSERT INTO alerts (worker_id, subject, message, dedupe_key) VALUES ($1, $2, $3, $4)
       ON CONFLICT (dedupe_key) DO UPDATE SET subject = EXCLUDED.subject
       RETURNING id, delivery <> '{}' AS told`,
      [alert.workerId, alert.subject, alert.message, alert.dedupeKey],
    );
    const [row] = rows;
    if (row === undefined || row.told) return;
    logger.error({ workerId: alert.workerId }, `ALERT ${alert.subject}: ${alert.message}`);
    const to = channels();
    const [webhook, email] = await Promise.all([
      delivered(to.webhookUrl !== '', () => postWebhook(to.webhookUrl, alert)),
      delivered(to.emailTo !== '', () => sendEmail(to, alert)),
    ]);
    await pool.query('UPDATE alerts SET delivery = $2 WHERE id = $1', [row.id, { webhook, email }]);
  };
}

async function delivered(wanted: boolean, deliver: () => Promise<void>): Promise<string> {
  if (!wanted) return 'off';
  try {
    await deliver();
    return 'sent';
  } catch (error) {
    return `failed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function postWebhook(url: string, { workerId, subject, message }: AlertInput): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workerId, subject, message, at: new Date().toISOString() }),
    signal: AbortSignal.timeout(DELIVERY_TIMEOUT_MS),
    redirect: 'error',
  });
  if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
}

async function sendEmail(
  { smtpRef, emailTo, emailFrom }: AlertChannels,
  { subject, message }: AlertInput,
): Promise<void> {
  const url = (await readSecret(smtpRef)).toString('utf8').trim();
  const transport = createTransport({
    url,
    connectionTimeout: DELIVERY_TIMEOUT_MS,
    greetingTimeout: DELIVERY_TIMEOUT_MS,
    socketTimeout: DELIVERY_TIMEOUT_MS,
  });
  try {
    await transport.sendMail({ from: emailFrom, to: emailTo, subject: `[fleetgraph] ${subject}`, text: message });
  } finally {
    transport.close();
  }
}
