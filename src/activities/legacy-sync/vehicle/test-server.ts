import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { Failure } from '../../../errors.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { readLegacyServer } from '../../../records/legacy-servers.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { IDS_PER_SECOND } from '../../../settings/overlap.ts';
import { enabledVehiclesOf } from '../../../records/vehicles.ts';
import type { OperatorActivities } from '../../../workflows/legacy-sync/activities.ts';
import { toFailure } from '../../activity-failures.ts';
import type { LegacyHosts } from '../legacy-host/legacy-hosts.ts';
import type { LegacyPlan, VehiclePlan } from '../legacy-host/legacy-planner.ts';
import { tryDump } from '../load/try-dump.ts';

export interface TestServerDependencies {
  pool: pg.Pool;
  legacyHosts: LegacyHosts;
  settings: () => LegacySyncSettings;
  cancellationSignal: () => AbortSignal;
}

/** The activity: a failure is part of its answer, because whether the server can be used is the question. */
export function createTestServer(deps: TestServerDependencies): OperatorActivities['testServer'] {
  return async (serverId) => {
    const steps: string[] = [];
    try {
      await testServer(deps, serverId, (step) => steps.push(step));
      return { ok: true, steps, failure: null };
    } catch (error) {
      const { code, message } = toFailure(error);
      return { ok: false, steps, failure: { code, message } };
    }
  };
}

/**
 * Does at a legacy server what a sync does there: login, tools, MySQL, the new rows of every vehicle, and a dump of the newest rows of a few
 * tables, read as an import reads it. Nothing is stored. `say` gets each step when it is done. A step that fails throws its Failure.
 */
export async function testServer(
  deps: TestServerDependencies,
  serverId: string,
  say: (step: string) => void,
): Promise<void> {
  const server = await readLegacyServer(deps.pool, serverId);
  const left = await deps.legacyHosts.of(server).listFiles();
  say(`logged in as ${server.user}@${server.host}:${server.port}; ${left.length} folders of ours are there`);
  const vehicles = await enabledVehiclesOf(deps.pool, serverId);
  if (vehicles.length === 0) return say('no enabled vehicle names this server, so MySQL was not asked');
  const plan = await deps.legacyHosts.plan({
    server,
    vehicles: vehicles.map((vehicle) => ({ vehicle, fromId: vehicle.watermark, seen: null })),
    countCap: deps.settings().planCountCap,
    signal: deps.cancellationSignal(),
  });
  for (const warning of plan.warnings) say(`warning: ${warning}`);
  sayCounts(vehicles, plan, say);
  for (const sample of samplesOf(vehicles, plan)) say(await readNewest(deps, server, sample));
}

const VEHICLES_SHOWN = 5;

/** Errors: the first vehicle's own, with how many more have one. */
function sayCounts(vehicles: Vehicle[], plan: LegacyPlan, say: (step: string) => void): void {
  const planned = new Map(plan.vehicles.map((each) => [each.vehicleId, each]));
  const counted = vehicles.flatMap((vehicle) => {
    const counts = planned.get(vehicle.id);
    return counts === undefined || 'failure' in counts ? [] : [{ vehicle, counts }];
  });
  for (const { vehicle, counts } of counted.slice(0, VEHICLES_SHOWN)) {
    const { capped, newRows } = counts;
    say(`vehicle ${vehicle.label}: ${capped ? 'at least ' : ''}${newRows} new rows above id ${vehicle.watermark}`);
  }
  if (counted.length > VEHICLES_SHOWN) say(`${counted.length - VEHICLES_SHOWN} more vehicles were counted`);
  const failed = plan.vehicles.filter(isFailed);
  const [first] = failed;
  if (first === undefined) return;
  const more =
    failed.length > 1 ? ` ${failed.length - 1} more vehicles of ${vehicles.length} cannot be read either.` : '';
  throw new Failure(first.failure.code, `${first.failure.message}${more}`);
}

const isFailed = (plan: VehiclePlan): plan is Extract<VehiclePlan, { failure: object }> => 'failure' in plan;

interface Sample {
  vehicle: Vehicle;
  maxId: string;
  table: LegacyPlan['tables'][number];
}

/** A server with a table per vehicle may have hundreds, made alike. */
const TABLES_SAMPLED = 3;
/** The ids below the newest that are read first, where they are integers, and the seconds, where they are made of a time. */
const IDS_SAMPLED = 1_000;
const SECONDS_SAMPLED = 3_600;
/** Fewer rows tell too little: then so many times as many ids are read. A vehicle among a thousand has one row in a thousand ids. */
const ENOUGH_ROWS = 200;
const WIDER = 16;

/** One vehicle with rows of each of the first tables. */
function samplesOf(vehicles: Vehicle[], plan: LegacyPlan): Sample[] {
  const highest = new Map(plan.vehicles.map((each) => [each.vehicleId, 'failure' in each ? '0' : each.maxId]));
  const samples = plan.tables.flatMap((table) => {
    const vehicle = vehicles.find((each) => each.table === table.table && highest.get(each.id) !== '0');
    const maxId = vehicle && highest.get(vehicle.id);
    return vehicle === undefined || maxId === undefined ? [] : [{ vehicle, maxId, table }];
  });
  return samples.slice(0, TABLES_SAMPLED);
}

/** Errors: those of an export and of an import, QuarantineThresholdExceeded among them. */
async function readNewest(deps: TestServerDependencies, server: LegacyServer, sample: Sample): Promise<string> {
  const { vehicle, maxId, table } = sample;
  const first = typeof server.columns.id === 'string' ? IDS_SAMPLED : SECONDS_SAMPLED * IDS_PER_SECOND;
  let found: TriedDump | null = null;
  for (let below = BigInt(first); ; below *= BigInt(WIDER)) {
    const cursor = BigInt(maxId) > below ? BigInt(maxId) - below : 0n;
    const wider = await readAbove(deps, server, { ...sample, cursor: String(cursor) });
    if (wider === null) break;
    found = wider;
    if (found.rows >= ENOUGH_ROWS || cursor === 0n) break;
  }
  if (found === null)
    return `the newest rows of ${table.table} are more than is streamed at once, so they were not read`;
  const { rows, quarantined, withoutFix } = found;
  const bad = quarantined === 0 ? '' : `, of which ${quarantined} would go to quarantine`;
  const skipped = withoutFix === 0 ? '' : `, of which ${withoutFix} have no fix and would be skipped`;
  return `read ${rows} of the newest rows of vehicle ${vehicle.label} in ${table.table}${bad}${skipped}`;
}

type TriedDump = Awaited<ReturnType<typeof tryDump>>;

/** null: more than is streamed at once. */
async function readAbove(
  { legacyHosts, settings, cancellationSignal }: TestServerDependencies,
  server: LegacyServer,
  { vehicle, maxId, cursor, table: { columns, engine } }: Sample & { cursor: string },
): Promise<TriedDump | null> {
  const signal = cancellationSignal();
  const streamed = await legacyHosts.of(server).streamDump({
    vehicle,
    tableColumns: columns,
    engine: engine ?? null,
    runId: randomUUID(),
    newRows: IDS_SAMPLED,
    cursor,
    frozenTo: maxId,
    overlapIds: 0,
    signal,
  });
  if (streamed === null) return null;
  return tryDump(streamed, { vehicle, server, tableColumns: columns, settings: settings(), signal });
}
