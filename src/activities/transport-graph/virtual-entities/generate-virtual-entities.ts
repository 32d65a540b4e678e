import { createHash } from 'node:crypto';
import type pg from 'pg';
import { namingDatabaseFailures } from '../../../connections/database-errors.ts';
import { inTransaction } from '../../../connections/postgres.ts';
import {
  type SetCounts,
  activeDataset,
  countVirtualEntities,
  recordVirtualEntities,
} from '../../../records/datasets.ts';
import { isCompleted, recordCompletion } from '../../../records/stage-completions.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { StageActivities, StageOutcome } from '../../../workflows/transport-graph/activities.ts';
import { VIRTUAL_ENTITIES } from '../../../workflows/transport-graph/messages.ts';
import type { StageLog } from '../stage-log.ts';
import { appendFlights, lastDepartures, removeDeparted } from './append-flights.ts';
import { type CitiesDirectory, readCities } from './cities-directory.ts';
import { planVirtualEntities } from './plan-virtual-entities.ts';
import { readNetwork } from './read-network.ts';
import type { VirtualPlan } from './virtual-plan.ts';
import { heartbeating } from '../../heartbeating.ts';
import { removeStops, removeStranded, writeEntities } from './write-entities.ts';

export interface VirtualEntitiesDependencies {
  pool: pg.Pool;
  settings: { read(): Promise<TransportGraphSettings> };
  log: StageLog;
  heartbeat: (details: unknown) => void;
  /** Aborted when the stage is cancelled. */
  cancellationSignal?: () => AbortSignal;
  /** The fault tests make the generator fail here. */
  faultPoint?: (name: string) => void;
}

/** Raise it whenever the same data would make other entities. */
const GENERATOR_VERSION = 3;
const NOTHING = { added: 0, updated: 0, deleted: 0 };

/**
 * The stage `virtual-entities-generator`: makes stops, routes and a year of flights for the cities that the source does not serve, in one
 * transaction. Existing entities that are still wanted stay as they are. When a day has passed, only that day's flights are added.
 * Errors: CitiesInvalid, TooManyVirtualRoutes, DatabaseUnavailable, DatabaseDiskFull.
 */
export function createGenerateVirtualEntities(
  deps: VirtualEntitiesDependencies,
): StageActivities['generateVirtualEntities'] {
  return ({ force }) =>
    namingDatabaseFailures('Generating virtual entities', () =>
      heartbeating(
        deps.heartbeat,
        () => ({ worker: VIRTUAL_ENTITIES }),
        () => generate(deps, force),
      ),
    );
}

async function generate(deps: VirtualEntitiesDependencies, force: boolean): Promise<StageOutcome> {
  const { pool, log } = deps;
  const settings = await deps.settings.read();
  const outcome = await inTransaction(pool, async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('fleetgraph virtual entities', 0))`);
    const datasetVersion = (await activeDataset(client))?.version ?? null;
    if (datasetVersion === null) return skipped('No dataset: there is nothing to complete yet', null);
    const directory = await readCities(settings.citiesFile);
    const zones = [...new Set(directory.cities.map(({ timeZone }) => timeZone))];
    const last = await lastDepartures(client, zones, settings);
    const fingerprint = fingerprintOf(datasetVersion, directory, settings, last);
    if (!force && (await isCompleted(client, { workerId: VIRTUAL_ENTITIES, fingerprint }))) {
      return skipped(`Virtual entities are complete for dataset ${datasetVersion}`, datasetVersion);
    }
    const made = await complete({ client, settings, directory, zones, datasetVersion, fingerprint, force, log });
    deps.faultPoint?.('virtual-entities:generated');
    deps.cancellationSignal?.().throwIfAborted();
    return made;
  });
  log.info(`Worker finished: ${outcome.message}`);
  return outcome;
}

interface Completion {
  client: pg.PoolClient;
  settings: TransportGraphSettings;
  directory: CitiesDirectory;
  zones: string[];
  datasetVersion: string;
  fingerprint: string;
  force: boolean;
  log: StageLog;
}

async function complete(run: Completion): Promise<StageOutcome> {
  const { client, settings, directory, zones, datasetVersion, log } = run;
  log.info('Step 1: Looking for cities without a stop...');
  const plan = planVirtualEntities({ directory, ...(await readNetwork(client)), settings });
  for (const warning of plan.warnings) log.warn(warning);
  let deleted = (await removeStops(client, plan.obsoleteStopIds)) + (await removeStranded(client));
  const entities = await writeEntities(client, plan, settings);
  log.info(`Step 2: Adding flights for ${plan.routes.length} routes...`);
  if (run.force) deleted += await removeFuture(client, plan);
  // This looks at every flight, so it runs before a year of flights is added.
  deleted += await removeDeparted(client);
  const flights = await appendFlights(client, zones, plan.routes, settings);
  const added = { ...entities, flights };
  const present = await countVirtualEntities(client);
  const existing = warnOfExisting(present, added, log);
  const { strategy, hubStopId, warnings } = plan;
  await record(run, { strategy, hubStopId, warnings, added, skipped: existing, ...present });
  const dataProcessed = { added: added.stops + added.routes + flights, updated: 0, deleted };
  if (dataProcessed.added + deleted === 0) {
    return skipped(`Virtual entities skipped - nothing is missing in dataset ${datasetVersion}`, datasetVersion);
  }
  const message = `Virtual entities generated: ${added.stops} stops, ${added.routes} routes, ${flights} flights`;
  return { status: 'success', message, datasetVersion, dataProcessed };
}

/** How many of each kind were there before and stay as they are. */
function warnOfExisting(present: SetCounts, added: SetCounts, log: StageLog): SetCounts {
  const stops = present.stops - added.stops;
  const routes = present.routes - added.routes;
  const flights = present.flights - added.flights;
  if (stops + routes + flights > 0) {
    log.warn(`Skipped what exists: ${stops} virtual stops, ${routes} virtual routes, ${flights} virtual flights`);
  }
  return { stops, routes, flights };
}

/** Runs only when forced: flights made from changed settings replace those that were generated before. */
async function removeFuture(client: pg.PoolClient, plan: VirtualPlan): Promise<number> {
  const { rowCount } = await client.query(
    'DELETE FROM flights WHERE is_virtual AND departure_at > now() AND route_id = ANY($1)',
    [plan.routes.map(({ id }) => id)],
  );
  return rowCount ?? 0;
}

/** Records the completion in the transaction of the entities, and the dataset's new counts in its statistics. */
async function record(
  { client, datasetVersion, fingerprint }: Completion,
  made: Record<string, unknown>,
): Promise<void> {
  await recordCompletion(client, { workerId: VIRTUAL_ENTITIES, fingerprint });
  await recordVirtualEntities(client, datasetVersion, made);
}

function fingerprintOf(
  datasetVersion: string,
  { sha256 }: CitiesDirectory,
  settings: TransportGraphSettings,
  last: string[],
): string {
  const { strategy, hubCity, maxVirtualRoutes, speedKmh, fareRub, transportType, departures, seats, horizonDays } =
    settings;
  const { oneWayStops } = settings;
  const choices = {
    strategy,
    hubCity,
    maxVirtualRoutes,
    speedKmh,
    fareRub,
    transportType,
    departures,
    seats,
    horizonDays,
    oneWayStops,
  };
  const parts = [GENERATOR_VERSION, datasetVersion, sha256, choices, last];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function skipped(message: string, datasetVersion: string | null): StageOutcome {
  return { status: 'skipped', message, datasetVersion, dataProcessed: { ...NOTHING } };
}
