import { describePause, pausedWork } from '../../client/paused-work.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/** What somebody has paused in Temporal stands still without an alert, for as long as nobody remembers it. */
export async function pausedFindings(session: Pick<Session, 'temporal'>): Promise<Finding[]> {
  const { client } = await session.temporal();
  return (await pausedWork(client)).map((paused) => ({
    severity: 'notice',
    subject: paused.workflowId,
    found: describePause(paused),
    remedy: paused.remedy,
  }));
}
