import { createTransport } from 'nodemailer';
import type pg from 'pg';
import { readPassword } from '../../../connections/secrets.ts';
import type { Logger } from '../../../logger.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { AlertInput, PipelineActivities } from '../../../workflows/transport-graph/activities.ts';

type AlertChannels = Pick<
  TransportGraphSettings,
  | 'alertWebhook'
  | 'alertEmailTo'
  | 'alertEmailFrom'
  | 'smtpHost'
  | 'smtpPort'
  | 'smtpSecurity'
  | 'smtpUser'
  | 'smtpPasswordRef'
  | 'alertTimeoutMs'
>;

export interface RaiseAlertDependencies {
  pool: pg.Pool;
  settings: { read(): Promise<AlertChannels> };
  logger: Logger;
}

/**
 * Tells the admin, once per key: a row, a log line, and the configured channels. What cannot be delivered is recorded in the row; it never
 * fails the run whose failure it tells of.
 */
export function createRaiseAlert({ pool, settings, logger }: RaiseAlertDependencies): PipelineActivities['raiseAlert'] {
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
    const to = await settings.read();
    const [webhook, email] = await Promise.all([
      delivered(to.alertWebhook !== '', () => postWebhook(to, alert)),
      delivered(to.alertEmailTo !== '' && to.smtpHost !== '', () => sendEmail(to, alert)),
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

async function postWebhook(to: AlertChannels, { workerId, subject, message }: AlertInput): Promise<void> {
  const response = await fetch(to.alertWebhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workerId, subject, message, at: new Date().toISOString() }),
    signal: AbortSignal.timeout(to.alertTimeoutMs),
    redirect: 'error',
  });
  if (!response.ok) throw new Error(`the webhook answered ${response.status}`);
}

async function sendEmail(to: AlertChannels, { subject, message }: AlertInput): Promise<void> {
  const transport = createTransport({
    host: to.smtpHost,
    port: to.smtpPort,
    secure: to.smtpSecurity === 'tls',
    requireTLS: to.smtpSecurity === 'starttls',
    ignoreTLS: to.smtpSecurity === 'none',
    connectionTimeout: to.alertTimeoutMs,
    greetingTimeout: to.alertTimeoutMs,
    socketTimeout: to.alertTimeoutMs,
    ...(to.smtpUser === '' ? {} : { auth: { user: to.smtpUser, pass: await readPassword(to.smtpPasswordRef) } }),
  });
  try {
    const mail = { from: to.alertEmailFrom, to: to.alertEmailTo, subject: `[fleetgraph] ${subject}`, text: message };
    await transport.sendMail(mail);
  } finally {
    transport.close();
  }
}
