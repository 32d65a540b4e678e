import { openAlerts } from '../../records/open-alerts.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/** Finds alerts whose matter is not over: the mail about them is easily missed. */
export async function openAlertFindings({ postgres }: Pick<Session, 'postgres'>): Promise<Finding[]> {
  return (await openAlerts(postgres)).map(({ kind, level, subject, at }) => ({
    severity: level === 'critical' ? 'problem' : 'notice',
    subject: `alert ${kind}`,
    found: `told at ${at.toISOString()} and not over: ${subject}`,
    remedy: `docs/operations.md has an entry for it: Alert: ${kind}`,
  }));
}
