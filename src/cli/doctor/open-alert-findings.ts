import { openAlerts } from '../../records/open-alerts.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/** What the admin was told of and is not over. A mail is easily missed, and its matter lasts. */
export async function openAlertFindings({ postgres }: Pick<Session, 'postgres'>): Promise<Finding[]> {
  return (await openAlerts(postgres)).map(({ kind, level, subject, at }) => ({
    severity: level === 'critical' ? 'problem' : 'notice',
    subject: `alert ${kind}`,
    found: `told at ${at.toISOString()} and not over: ${subject}`,
    remedy: `docs/operations.md has an entry for it: Alert: ${kind}`,
  }));
}
