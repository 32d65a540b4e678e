import { readTransportGraphSettings } from '../settings/store.ts';
import type { Finding } from './doctor.ts';
import type { Session } from './session.ts';

/** What keeps the transport graph from being renewed: stages that failed, data that waits for somebody, alerts that reached nobody. */
export async function graphFindings({ postgres }: Session): Promise<Finding[]> {
  const findings: Finding[] = [];
  await readTransportGraphSettings(postgres).catch((error: Error) =>
    findings.push({
      severity: 'problem',
      subject: 'system_settings',
      found: error.message,
      remedy: 'npm run fleetgraph -- settings set <key> <value>',
    }),
  );
  const { rows: failed } = await postgres.query<{ stage: string; message: string }>(
    `SELECT worker_id AS stage, message FROM pipeline_stages s, LATERAL (
       SELECT status, message FROM stage_runs r WHERE r.worker_id = s.worker_id ORDER BY started_at DESC LIMIT 1) last
     WHERE enabled AND last.status = 'failed' ORDER BY position`,
  );
  for (const { stage, message } of failed) {
    const remedy = `mend it, then: npm run fleetgraph -- graph run`;
    findings.push({ severity: 'problem', subject: `stage ${stage}`, found: `its last run failed: ${message}`, remedy });
  }
  const { rows: held } = await postgres.query<{ version: string; reason: string }>(
    `SELECT version, held_reason AS reason FROM datasets WHERE state = 'held' AND decided_at IS NULL ORDER BY version`,
  );
  for (const { version, reason } of held) {
    const remedy = `npm run fleetgraph -- graph approve ${version} --reason "…", or graph reject`;
    findings.push({ severity: 'problem', subject: `dataset ${version}`, found: `it is held: ${reason}`, remedy });
  }
  const { rows: silent } = await postgres.query<{ count: number; last: string }>(
    `SELECT count(*)::int, max(delivery::text) AS last FROM alerts WHERE at > now() - interval '1 day' AND delivery::text LIKE '%failed%'`,
  );
  if ((silent[0]?.count ?? 0) > 0) {
    findings.push({
      severity: 'problem',
      subject: 'alerts',
      found: `${silent[0]!.count} since yesterday could not be delivered: ${silent[0]!.last}`,
      remedy: 'correct the settings under transport_graph.alert; what they said is in the table alerts',
    });
  }
  return findings;
}
