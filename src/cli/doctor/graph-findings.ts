import { readTransportGraphSettings } from '../../records/settings.ts';
import { undeliveredAlerts } from '../../records/alerts.ts';
import { heldDatasets } from '../../records/datasets.ts';
import { failedStages } from '../../records/stage-runs.ts';
import { createGraphStore, type GraphStore } from '../../graph-store/graph-store.ts';
import { activeGraph, isSwitchUnderWay } from '../../records/graphs.ts';
import { untilReady } from '../../connections/redis.ts';
import type { Finding } from './finding.ts';
import type { Session } from '../session.ts';

/**
 * What keeps the transport graph from being renewed, or from its readers: failed stages, datasets that wait for an operator, alerts that
 * were not delivered, a graph that Redis has lost.
 */
export async function graphFindings({ postgres, redis }: Pick<Session, 'postgres' | 'redis'>): Promise<Finding[]> {
  const findings: Finding[] = [];
  const settings = await readTransportGraphSettings(postgres).catch((error: Error) => {
    const remedy = 'npm run fleetgraph -- settings set <key> <value>';
    findings.push({ severity: 'problem', subject: 'system_settings', found: error.message, remedy });
    return null;
  });
  if (settings !== null) findings.push(...(await lostGraph({ postgres, redis }, createGraphStore(redis, settings))));
  for (const { workerId, message } of await failedStages(postgres)) {
    const remedy = `mend it, then: npm run fleetgraph -- graph run`;
    findings.push({
      severity: 'problem',
      subject: `stage ${workerId}`,
      found: `its last run failed: ${message}`,
      remedy,
    });
  }
  for (const { version, reason } of await heldDatasets(postgres)) {
    const remedy = `npm run fleetgraph -- graph approve ${version} --reason "…", or graph reject`;
    findings.push({ severity: 'problem', subject: `dataset ${version}`, found: `it is held: ${reason}`, remedy });
  }
  const undelivered = await undeliveredAlerts(postgres);
  if (undelivered.count > 0) {
    findings.push({
      severity: 'problem',
      subject: 'alerts',
      found: `${undelivered.count} since yesterday could not be delivered: ${undelivered.last}`,
      remedy: 'correct the settings under transport_graph.alert; what they said is in the table alerts',
    });
  }
  return findings;
}

/** A worker sees it within seconds and loads the graph again; without one, readers are left without it and nobody is told. */
async function lostGraph(
  { postgres, redis }: Pick<Session, 'postgres' | 'redis'>,
  store: GraphStore,
): Promise<Finding[]> {
  const active = await activeGraph(postgres);
  if (active === null || (await isSwitchUnderWay(postgres))) return [];
  await untilReady(redis);
  const pointer = await store.pointer();
  const whole = await store.isWhole(active.version, active.nodes);
  if (whole && pointer === active.version) return [];
  const found = whole
    ? `readers are sent to ${pointer ?? 'none'} instead`
    : `Redis has lost it or a part of it, and readers get ${pointer === null ? 'no graph' : 'holes'}`;
  const remedy =
    'a running worker of the role transport-graph mends it within a minute: if none runs, start one: npm run fleetgraph -- worker';
  return [{ severity: 'problem', subject: `graph ${active.version}`, found, remedy }];
}
