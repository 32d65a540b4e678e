import { type TroubledCircuit, readTroubledCircuits } from '../../records/circuits.ts';
import { OUTCOMES_KEPT_DAYS, type RunOutcome, newestFinishedRuns, newestRunsLost } from '../../records/run-outcomes.ts';
import { TROUBLE_KEPT_DAYS, type TroubledRollout, troubledRollouts } from '../../records/rollouts.ts';
import { type LastCheck, readLastChecks } from '../../records/server-checks.ts';
import { isRefused } from '../../records/servers-to-check.ts';
import type { LegacySyncSettings } from '../../settings/legacy-sync.ts';
import type { AlertRule, Finding } from './watch-incidents.ts';

/** What the admin is told of in the legacy sync. `docs/operations.md` has an entry for each; `settings/legacy-sync/alerts.ts` has the bounds. */
export const LEGACY_SYNC_ALERTS: readonly AlertRule<LegacySyncSettings>[] = [
  {
    kind: 'circuit-open',
    find: async (database, { alertCircuitOpenMs }) =>
      (await readTroubledCircuits(database))
        .filter(({ state, forMs }) => state === 'held' || forMs >= alertCircuitOpenMs)
        .map(circuitFinding),
    over: (serverId) => `The circuit of legacy server ${serverId} is closed, or the server is gone.`,
  },
  {
    kind: 'server-check-failed',
    find: async (database, settings) => {
      const troubled = new Set((await readTroubledCircuits(database)).map(({ serverId }) => serverId));
      return [...(await readLastChecks(database, settings))].flatMap(([serverId, check]) =>
        // The alert of its circuit says it already.
        troubled.has(serverId) ? [] : checkFinding(serverId, check, settings.alertCircuitOpenMs),
      );
    },
    over: (serverId) =>
      `Legacy server ${serverId} answered its last health check, or its circuit tells what is wrong, or it is gone.`,
  },
  {
    kind: 'vehicles-failed',
    find: async (database, settings) =>
      (await newestFinishedRuns(database)).flatMap((run) => failedFinding(run, settings)),
    over: (workflowId) =>
      `The newest run of ${workflowId} is within the bounds, or none was started for ${OUTCOMES_KEPT_DAYS} days.`,
  },
  {
    kind: 'run-lost',
    find: async (database) => (await newestRunsLost(database)).map(lostFinding),
    over: (workflowId) =>
      `A later run of ${workflowId} was not lost, or none was started for ${OUTCOMES_KEPT_DAYS} days.`,
  },
  {
    kind: 'rollout-stopped',
    find: async (database) =>
      (await troubledRollouts(database)).filter(({ trouble }) => trouble === 'not-good').map(stoppedFinding),
    over: (serverId) => `The rollout of ${serverId} goes on, was taken back, or has ended.`,
  },
  {
    kind: 'rollout-lost',
    find: async (database) =>
      (await troubledRollouts(database)).filter(({ trouble }) => trouble !== 'not-good').map(lostRolloutFinding),
    over: (serverId) =>
      `A later rollout of ${serverId} was started, or that one ended more than ${TROUBLE_KEPT_DAYS} days ago.`,
  },
];

function circuitFinding({ serverId, state, code, since, forMs }: TroubledCircuit): Finding {
  if (state === 'held') {
    return {
      about: serverId,
      level: 'critical',
      subject: `the circuit of ${serverId} is held: ${code}`,
      message:
        `Legacy server ${serverId} refused the login or showed another host key at ${since.toISOString()} (${code}). No sync uses it until ` +
        `an operator has mended that and says so: fleetgraph servers test ${serverId}, then fleetgraph servers close-circuit ${serverId} --reason "…".`,
    };
  }
  const minutes = Math.floor(forMs / 60_000);
  return {
    about: serverId,
    level: 'warning',
    subject: `the circuit of ${serverId} is open for ${minutes} minutes: ${code}`,
    message:
      `Legacy server ${serverId} has failed since ${since.toISOString()}, at last with ${code}. Syncs ask it again by themselves; ` +
      `fleetgraph servers test ${serverId} shows what it answers now.`,
  };
}

function checkFinding(serverId: string, { checkedAt, failure, failingSince }: LastCheck, boundMs: number): Finding[] {
  if (failure === null || failingSince === null) return [];
  const minutes = Math.floor((checkedAt.getTime() - failingSince.getTime()) / 60_000);
  // A login or a host key that is refused does not mend itself.
  const refused = isRefused(failure.code);
  if (minutes * 60_000 < boundMs && !refused) return [];
  const since = refused ? 'refused a health check' : `has failed its health checks for ${minutes} minutes`;
  return [
    {
      about: serverId,
      level: 'warning',
      subject: `${serverId} ${since}: ${failure.code}`,
      message:
        `Since ${failingSince.toISOString()} no health check of legacy server ${serverId} has come to its MySQL, and a sync would not either. ` +
        `${failure.message} fleetgraph servers checks ${serverId} lists what was found, fleetgraph servers test ${serverId} goes the whole way once.`,
    },
  ];
}

function failedFinding(run: RunOutcome, settings: LegacySyncSettings): Finding[] {
  const { workflowId, runId, vehicles, failed, code } = run;
  const percent = vehicles === 0 ? 0 : Math.floor(((vehicles - failed) / vehicles) * 1_000) / 10;
  // A run that failed as a whole may not have come to its vehicles.
  const critical = vehicles === 0 ? run.state === 'failed' : percent < settings.alertSuccessPercent;
  if (!critical && failed <= settings.alertFailedVehicles) return [];
  const most = code === null ? '' : `, mostly by ${code}`;
  return [
    {
      about: workflowId,
      level: critical ? 'critical' : 'warning',
      subject: `${workflowId}: ${failed} of ${vehicles} vehicles failed`,
      message:
        `Run ${runId} ended at ${run.finishedAt.toISOString()}: ${failed} of ${vehicles} vehicles failed${most}; ${percent} % succeeded. ` +
        `fleetgraph status ${runId} names each with its reason, and docs/errors.md says what to do. What was committed stays.`,
    },
  ];
}

function lostFinding({ workflowId, runId, finishedAt }: RunOutcome): Finding {
  return {
    about: workflowId,
    level: 'critical',
    subject: `${workflowId}: a run was terminated or lost`,
    message:
      `Run ${runId} was found at ${finishedAt.toISOString()} without its workflow: it was terminated, or Temporal lost it. ` +
      `The next run goes on where it stopped: fleetgraph sync, or wait for the schedule.`,
  };
}

function stoppedFinding({ serverId, step, since, reasons }: TroubledRollout): Finding {
  return {
    about: serverId,
    level: 'warning',
    subject: `the rollout of ${serverId} has stopped: step ${step} was not good`,
    message:
      `Since ${since.toISOString()} the rollout of ${serverId} waits for an order. ${reasons.join(' ')} When that is mended: ` +
      `fleetgraph rollout advance ${serverId} --again; else: fleetgraph rollout back ${serverId} --reason "…".`,
  };
}

function lostRolloutFinding({ serverId, rolloutId, trouble, since }: TroubledRollout): Finding {
  const how = trouble === 'lost' ? 'was terminated or lost' : 'has failed';
  return {
    about: serverId,
    level: 'critical',
    subject: `the rollout of ${serverId} ${how}`,
    message:
      `Rollout ${rolloutId} of ${serverId} ended at ${since.toISOString()}: it ${how}. What it had set is put back, but for what somebody has changed since: ` +
      `fleetgraph rollout status ${serverId} tells what was kept, fleetgraph rollout start ${serverId} begins anew.`,
  };
}
