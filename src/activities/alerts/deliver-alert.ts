import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { namingDatabaseFailures } from '../../connections/database-errors.ts';
import { Failure } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { type AlertDelivery, type NotedAlert, noteAlert, recordDelivery } from '../../records/alerts.ts';
import type { AlertActivities, AlertInput } from '../../workflows/alert-contract.ts';
import { type AlertChannels, postWebhook, sendEmail } from './send-alert.ts';

export interface DeliverAlertDependencies {
  pool: pg.Pool;
  /** `last`: as they were read last, for the time in which PostgreSQL does not answer; null before the first read. */
  settings: { read(): Promise<AlertChannels>; last(): AlertChannels | null };
  logger: Logger;
  /** What an earlier attempt at the same alert kept, on whichever worker: it told the channels, and could not record it. */
  toldBefore: () => AlertDelivery | null;
  keepTold: (delivery: AlertDelivery) => void;
}

/** How long the row is waited for before the channels are told without one. */
const ROW_PATIENCE_MS = 10_000;

/**
 * Tells the admin, once per key: a row, a log line, and the configured channels. When PostgreSQL does not take the row, the channels are told
 * first, and the row is written by a later attempt. What cannot be delivered is recorded in the row; it never fails the run whose failure it
 * tells of. Errors: DatabaseUnavailable, DatabaseDiskFull, after which the same alert is asked for again.
 */
export function createDeliverAlert(deps: DeliverAlertDependencies): AlertActivities['raiseAlert'] {
  const { pool, keepTold, toldBefore } = deps;
  return async (alert) => {
    const noted = await note(pool, alert);
    if (!(noted instanceof Error) && noted.told) return;
    const delivery = toldBefore() ?? (await tell(deps, alert));
    // Kept before anything else can fail: the next attempt must not tell it again.
    keepTold(delivery);
    if (noted instanceof Error) throw noted;
    await namingDatabaseFailures('Recording how an alert was delivered', () =>
      recordDelivery(pool, noted.id, delivery),
    );
  };
}

/** The alert's row, or why there is none yet. */
async function note(pool: pg.Pool, alert: AlertInput): Promise<NotedAlert | Error> {
  const waited = new AbortController();
  const late = sleep(ROW_PATIENCE_MS, undefined, { signal: waited.signal }).then(() => {
    throw new Failure(
      'DatabaseUnavailable',
      `Recording an alert: PostgreSQL did not answer within ${ROW_PATIENCE_MS} ms. It is tried again.`,
    );
  });
  try {
    return await namingDatabaseFailures('Recording an alert', () => Promise.race([noteAlert(pool, alert), late]));
  } catch (error) {
    return error as Error;
  } finally {
    waited.abort();
  }
}

/** A log line, and every channel that is on. */
async function tell({ settings, logger }: DeliverAlertDependencies, alert: AlertInput): Promise<AlertDelivery> {
  logger.error({ workerId: alert.workerId }, `ALERT ${alert.subject}: ${alert.message}`);
  const delivery = await channelsOf(settings).then(
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
  for (const [channel, how] of undelivered) {
    logger.warn({ alert: alert.dedupeKey }, `the alert by ${channel} ${how}`);
  }
  return delivery;
}

/** The channels as they are, or, while PostgreSQL does not tell them, as they were. */
async function channelsOf(settings: DeliverAlertDependencies['settings']): Promise<AlertChannels> {
  const last = settings.last();
  if (last === null) return settings.read();
  const waited = new AbortController();
  const read = settings.read().catch((error: unknown) => {
    if (error instanceof Failure && error.code === 'InvalidSetting') throw error;
    return last;
  });
  const late = sleep(ROW_PATIENCE_MS, last, { signal: waited.signal });
  return Promise.race([read, late]).finally(() => waited.abort());
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
