import { countQuarantinedByReason, countQuarantinedLately } from '../../records/quarantine.ts';
import type { Queryable } from '../../connections/postgres.ts';
import { countLimitChanges } from '../../records/limit-changes.ts';
import { readOpenCircuits, readTroubledCircuits } from '../../records/circuits.ts';
import { readLastChecks } from '../../records/server-checks.ts';
import { troubledRollouts } from '../../records/rollouts.ts';
import { readServerPlaces } from '../../records/server-places.ts';
import { readSettings } from '../../records/settings.ts';
import { countRuns } from '../../records/sync-runs.ts';
import { countClaims, countWaitingClaims } from '../../records/vehicle-claims.ts';
import { countVehiclesByFreshness } from '../../records/vehicle-overview.ts';
import { countUpToDateLastDay, sumLastDay } from '../../records/vehicle-syncs.ts';
import type { GaugeQuery, GaugeRow } from './gauge-query.ts';

/** The figures of the legacy sync. */
export const FLEET_GAUGES: GaugeQuery[] = [
  {
    name: 'fleetgraph_sync_runs',
    help: 'Fleet syncs by state.',
    labels: ['state'],
    read: async (database) => (await countRuns(database)).map(({ state, runs }) => ({ state, value: runs })),
  },
  {
    name: 'fleetgraph_sync_vehicles_24h',
    help: 'Vehicle syncs of the runs of the last day by status; up-to-date: planned, and nothing was new.',
    labels: ['status'],
    read: async (database) => [
      ...summed((await sumLastDay(database)).map(({ status, vehicles }) => ({ status, value: vehicles }))),
      { status: 'up-to-date', value: await countUpToDateLastDay(database) },
    ],
  },
  {
    name: 'fleetgraph_sync_rows_24h',
    help: 'Rows of the runs of the last day by what became of them.',
    labels: ['result'],
    read: async (database) =>
      summed(
        (await sumLastDay(database)).flatMap(({ inserted, duplicates, quarantined, withoutFix }) => [
          { result: 'imported', value: inserted },
          { result: 'duplicate', value: duplicates },
          { result: 'quarantined', value: quarantined },
          { result: 'without-fix', value: withoutFix },
        ]),
      ),
  },
  {
    name: 'fleetgraph_sync_bytes_24h',
    help: 'Bytes transferred by the runs of the last day.',
    labels: [],
    read: async (database) => [{ value: (await sumLastDay(database)).reduce((sum, { bytes }) => sum + bytes, 0) }],
  },
  {
    name: 'fleetgraph_sync_failures_24h',
    help: 'Failed vehicle syncs of the last day by code.',
    labels: ['code'],
    read: async (database) =>
      (await sumLastDay(database))
        .filter(({ status }) => status === 'failed')
        .map(({ code, vehicles }) => ({ code: code ?? 'Unexpected', value: vehicles })),
  },
  {
    name: 'fleetgraph_sync_slots_busy',
    help: 'Worker slots that hold a vehicle or a slice of a table now.',
    labels: [],
    read: async (database) => [{ value: await countClaims(database) }],
  },
  {
    name: 'fleetgraph_sync_slots_waiting',
    help: 'Busy worker slots whose work stands still: they wait for a permit of their server, for a retry, or for a worker.',
    labels: [],
    read: async (database) => [{ value: await countWaitingClaims(database) }],
  },
  {
    name: 'fleetgraph_vehicles',
    help: 'Vehicles by how fresh they are: synced in the last two hours, the last day, before, or never.',
    labels: ['freshness'],
    read: async (database) =>
      (await countVehiclesByFreshness(database)).map(({ freshness, vehicles }) => ({ freshness, value: vehicles })),
  },
  {
    name: 'fleetgraph_circuits_not_closed',
    help: 'Legacy servers that are left alone after failures.',
    labels: [],
    read: async (database) => [{ value: (await readOpenCircuits(database)).length }],
  },
  {
    name: 'fleetgraph_circuit_open_seconds',
    help: 'For how long a legacy server’s circuit has not been closed.',
    labels: ['server', 'state'],
    read: async (database) =>
      (await readTroubledCircuits(database)).map(({ serverId, state, forMs }) => ({
        server: serverId,
        state,
        value: forMs / 1_000,
      })),
  },
  {
    name: 'fleetgraph_server_check_ok',
    help: 'Whether the last health check of a legacy server was answered: 1 or 0.',
    labels: ['server'],
    read: async (database) =>
      [...(await readChecks(database))].map(([server, { failure }]) => ({
        server,
        value: failure === null ? 1 : 0,
      })),
  },
  {
    name: 'fleetgraph_server_check_seconds',
    help: 'How long the last health check of a legacy server took.',
    labels: ['server'],
    read: async (database) =>
      [...(await readChecks(database))].map(([server, { durationMs }]) => ({ server, value: durationMs / 1_000 })),
  },
  {
    name: 'fleetgraph_server_limit',
    help: 'How many vehicles and slices may be in flight at a legacy server now.',
    labels: ['server'],
    read: async (database) =>
      (await readPlaces(database)).map(({ serverId, limit }) => ({ server: serverId, value: limit })),
  },
  {
    name: 'fleetgraph_server_in_flight',
    help: 'Vehicles and slices in flight at a legacy server.',
    labels: ['server'],
    read: async (database) =>
      (await readPlaces(database)).map(({ serverId, inFlight }) => ({ server: serverId, value: inFlight })),
  },
  {
    name: 'fleetgraph_server_limit_changes_24h',
    help: 'Changes of adaptive limits in the last day.',
    labels: ['server', 'direction'],
    read: async (database) =>
      (await countLimitChanges(database)).map(({ serverId, direction, changes }) => ({
        server: serverId,
        direction,
        value: changes,
      })),
  },
  {
    name: 'fleetgraph_rollout_troubled',
    help: 'Rollouts of legacy servers that wait for somebody: 1 while the last step was not good, or since it was lost or has failed.',
    labels: ['server', 'trouble'],
    read: async (database) =>
      (await troubledRollouts(database)).map(({ serverId, trouble }) => ({ server: serverId, trouble, value: 1 })),
  },
  {
    name: 'fleetgraph_quarantine_rows',
    help: 'Rows in quarantine by reason.',
    labels: ['reason'],
    read: async (database) =>
      (await countQuarantinedByReason(database)).map(({ reason, rows }) => ({ reason, value: rows })),
  },
  {
    name: 'fleetgraph_quarantine_rows_1h',
    help: 'Rows that came into quarantine in the last hour and are there.',
    labels: [],
    read: async (database) => [{ value: await countQuarantinedLately(database) }],
  },
];

const readChecks = async (database: Queryable) => readLastChecks(database, await readSettings(database));
const readPlaces = async (database: Queryable) => readServerPlaces(database, await readSettings(database));

/** One row for each set of labels. */
function summed<T extends { value: number }>(rows: T[]): GaugeRow[] {
  const sums = new Map<string, GaugeRow & { value: number }>();
  for (const { value, ...labels } of rows) {
    const key = JSON.stringify(labels);
    sums.set(key, { ...labels, value: (sums.get(key)?.value ?? 0) + value });
  }
  return [...sums.values()];
}
