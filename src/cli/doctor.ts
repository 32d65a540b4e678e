import { Failure } from '../errors.ts';
import { readSettings } from '../settings/store.ts';
import { failingActivities } from './doctor-activities.ts';
import { graphFindings } from './doctor-graph.ts';
import { missingWorkers } from './doctor-workers.ts';
import type { Session } from './session.ts';

export interface Finding {
  severity: 'problem' | 'notice';
  subject: string;
  found: string;
  remedy: string;
}

/** Everything that can stop a sync without anybody being told: wedged workflows, activities that fail for ever, no workers, open circuits, claims nobody renews, bad settings. */
export async function examine(session: Session): Promise<Finding[]> {
  const checks = [
    wedgedWorkflows,
    failingActivities,
    missingWorkers,
    lostClaims,
    openCircuits,
    badSettings,
    forgetfulDatabase,
    freshQuarantine,
    graphFindings,
  ];
  const findings = await Promise.all(
    checks.map((check) => check(session).catch((error: unknown) => unreachable(check.name, error))),
  );
  return findings.flat();
}

function unreachable(check: string, error: unknown): Finding[] {
  const found = error instanceof Error ? error.message : String(error);
  return [
    {
      severity: 'problem',
      subject: check,
      found: `could not look: ${found}`,
      remedy: 'bring the server up that did not answer, then ask again',
    },
  ];
}

/** A workflow task that fails is tried for ever and the run looks as if it were running. */
async function wedgedWorkflows(session: Session): Promise<Finding[]> {
  const { client } = await session.temporal();
  const findings: Finding[] = [];
  const query = `ExecutionStatus = 'Running' AND TemporalReportedProblems IS NOT NULL`;
  for await (const { workflowId, runId } of client.workflow.list({ query })) {
    findings.push({
      severity: 'problem',
      subject: workflowId,
      found: 'its workflow task fails again and again (wedged run)',
      remedy:
        `see why: temporal workflow show -w '${workflowId}' -r ${runId}; after a deploy that changed a workflow without patched(), roll back the workers; ` +
        `else end it: temporal workflow terminate -w '${workflowId}' --reason wedged (the janitor cleans up, the next run goes on from the watermark)`,
    });
  }
  return findings;
}

async function lostClaims({ postgres }: Session): Promise<Finding[]> {
  const { rows } = await postgres.query<{ vehicle_id: string; run_id: string; since: string }>(
    `SELECT vehicle_id, run_id, to_char(now() - lease_until, 'HH24:MI:SS') AS since
       FROM vehicle_syncs WHERE state = 'claimed' AND lease_until < now() - interval '1 minute'`,
  );
  return rows.map(({ vehicle_id, run_id, since }) => ({
    severity: 'problem',
    subject: `vehicle ${vehicle_id} of run ${run_id}`,
    found: `its claim has not been renewed for ${since}`,
    remedy:
      'a running worker checks it against Temporal within a minute; if none runs, start one: npm run fleetgraph -- worker',
  }));
}

async function openCircuits({ postgres }: Session): Promise<Finding[]> {
  const { rows } = await postgres.query<{ server_id: string; breaker: { state: string } }>(
    `SELECT server_id, breaker FROM legacy_server_state WHERE breaker ->> 'state' <> 'closed' ORDER BY server_id`,
  );
  return rows.map(({ server_id, breaker }) => ({
    severity: breaker.state === 'held' ? 'problem' : 'notice',
    subject: `legacy server ${server_id}`,
    found: `its circuit is ${breaker.state} after failures to reach it`,
    remedy:
      breaker.state === 'held'
        ? `the login or the host key was refused: mend it, then close the circuit: npm run fleetgraph -- servers close-circuit ${server_id} --reason "…"`
        : 'it is probed by itself; see the failures of the latest run',
  }));
}

async function badSettings({ postgres }: Session): Promise<Finding[]> {
  try {
    await readSettings(postgres);
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [
      {
        severity: 'problem',
        subject: 'system_settings',
        found: error.message,
        remedy: 'npm run fleetgraph -- settings set <key> <value>',
      },
    ];
  }
}

/** With synchronous_commit off a crash of PostgreSQL forgets claims and imports that Temporal believes are done. */
async function forgetfulDatabase({ config, postgres }: Session): Promise<Finding[]> {
  const { rows } = await postgres.query<{ synchronous_commit: string }>('SHOW synchronous_commit');
  if (!config.production || rows[0]?.synchronous_commit !== 'off') return [];
  return [
    {
      severity: 'problem',
      subject: 'PostgreSQL',
      found: 'synchronous_commit is off: what was committed last is lost when it crashes',
      remedy: "ALTER SYSTEM SET synchronous_commit = 'on'; SELECT pg_reload_conf();",
    },
  ];
}

async function freshQuarantine({ postgres }: Session): Promise<Finding[]> {
  const { rows } = await postgres.query<{ count: string; vehicles: string }>(
    `SELECT count(*), count(DISTINCT vehicle_id) AS vehicles FROM quarantine WHERE created_at > now() - interval '1 day'`,
  );
  const [row] = rows;
  if (row === undefined || row.count === '0') return [];
  return [
    {
      severity: 'notice',
      subject: 'quarantine',
      found: `${row.count} rows of ${row.vehicles} vehicles since yesterday`,
      remedy: 'npm run fleetgraph -- quarantine list',
    },
  ];
}
