import { IS_WEDGED } from '../../connections/temporal-status.ts';
import { Failure } from '../../errors.ts';
import { countFreshQuarantine } from '../../records/quarantine.ts';
import { readOpenCircuits } from '../../records/circuits.ts';
import { expiredClaims } from '../../records/vehicle-claims.ts';
import { readSettings } from '../../records/settings.ts';
import { failingActivities } from './failing-activities.ts';
import type { Finding } from './finding.ts';
import { graphFindings } from './graph-findings.ts';
import { mappingFindings } from './mapping-findings.ts';
import { missingWorkers } from './missing-workers.ts';
import { openAlertFindings } from './open-alert-findings.ts';
import { pausedFindings } from './paused-findings.ts';
import { rolloutFindings } from './rollout-findings.ts';
import { scheduleFindings } from './schedule-findings.ts';
import { serverCheckFindings } from './server-check-findings.ts';
import type { Session } from '../session.ts';

const A_MINUTE_MS = 60_000;

/**
 * Finds what can stop a sync without an alert: wedged workflows, activities that fail for ever, missing workers, open circuits, expired
 * claims, bad settings.
 */
export async function examine(session: Session): Promise<Finding[]> {
  const checks = [
    wedgedWorkflows,
    failingActivities,
    pausedFindings,
    missingWorkers,
    lostClaims,
    openCircuits,
    serverCheckFindings,
    badSettings,
    forgetfulDatabase,
    freshQuarantine,
    mappingFindings,
    graphFindings,
    scheduleFindings,
    rolloutFindings,
    openAlertFindings,
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

/** Temporal tries a failing workflow task for ever, and the run looks as if it were running. */
async function wedgedWorkflows(session: Session): Promise<Finding[]> {
  const { client } = await session.temporal();
  const findings: Finding[] = [];
  for await (const { workflowId, runId } of client.workflow.list({ query: IS_WEDGED })) {
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
  return (await expiredClaims(postgres, A_MINUTE_MS)).map(({ vehicleId, runId, expiredMs }) => ({
    severity: 'problem',
    subject: `vehicle ${vehicleId} of run ${runId}`,
    found: `its claim has not been renewed for ${clockTime(expiredMs)}`,
    remedy:
      'a running worker checks it against Temporal within a minute; if none runs, start one: npm run fleetgraph -- worker',
  }));
}

/** Hours, minutes and seconds. */
const clockTime = (ms: number): string => new Date(ms).toISOString().slice(11, 19);

async function openCircuits({ postgres }: Session): Promise<Finding[]> {
  return (await readOpenCircuits(postgres)).map(({ id, circuit: { state } }) => ({
    severity: state === 'held' ? 'problem' : 'notice',
    subject: `legacy server ${id}`,
    found: `its circuit is ${state} after failures to reach it`,
    remedy:
      state === 'held'
        ? `the login or the host key was refused: mend it, then close the circuit: npm run fleetgraph -- servers close-circuit ${id} --reason "…"`
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
  const fresh = await countFreshQuarantine(postgres);
  if (fresh.rows === 0) return [];
  return [
    {
      severity: 'notice',
      subject: 'quarantine',
      found: `${fresh.rows} rows of ${fresh.vehicles} vehicles since yesterday`,
      remedy: 'npm run fleetgraph -- quarantine list',
    },
  ];
}
