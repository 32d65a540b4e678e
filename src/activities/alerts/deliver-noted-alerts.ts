import type { AlertDelivery } from '../../records/alerts.ts';
import type { AlertInput } from '../../workflows/alert-contract.ts';
import { type DeliverAlertDependencies, createDeliverAlert } from './deliver-alert.ts';

export interface TellDependencies extends Pick<DeliverAlertDependencies, 'pool' | 'logger'> {
  channels: DeliverAlertDependencies['settings'];
}

/** Tells alerts whose rows are there already. An alert whose outcome PostgreSQL did not take is not told again by this process. */
export function createDeliverNotedAlerts({
  pool,
  logger,
  channels,
}: TellDependencies): (alerts: readonly AlertInput[]) => Promise<void> {
  const told = new Map<string, AlertDelivery>();
  return async (alerts) => {
    for (const alert of alerts) {
      const key = alert.dedupeKey;
      const deliver = createDeliverAlert({
        pool,
        logger,
        settings: channels,
        toldBefore: () => told.get(key) ?? null,
        keepTold: (delivery) => told.set(key, delivery),
      });
      await deliver(alert);
      told.delete(key);
    }
  };
}
