import type pg from 'pg';
import { openBackupStore } from '../src/activities/transport-graph/backup-store.ts';
import { createSyncOdata } from '../src/activities/transport-graph/odata-sync/sync-odata.ts';
import { createStageLog } from '../src/activities/transport-graph/stage-log.ts';
import { plainTable } from '../src/cli/run-table.ts';
import { readTransportGraphSettings, writeSetting } from '../src/records/settings.ts';
import type { StageOutcome } from '../src/workflows/transport-graph/activities.ts';
import { ODATA_SYNC } from '../src/workflows/transport-graph/messages.ts';
import { type Bench, settleDown, withBench } from './bench-stack.ts';
import { median } from './figures.ts';
import { type OdataService, network, startOdataService } from './odata-service.ts';

export const ODATA_SYNC_BENCH = { records: 5_000, manyRecords: 100_000, rounds: 5 };

const PAGE_SIZE = 1_000;
/** The target: how long a sync of an unchanged source may take after the source's last byte. */
const UNCHANGED_MS = 200;

interface Round {
  totalMs: number;
  /** From the last byte of the source to the outcome. */
  ownMs: number;
}

interface Measured {
  what: string;
  records: number;
  rounds: Round[];
  wantedOwnMs: number | null;
}

/** Measures first, changed and unchanged syncs, beside INSERTs row by row and, as PostgreSQL's own limit, a COPY of the same rows. */
export function odataSync({ records, manyRecords, rounds }: typeof ODATA_SYNC_BENCH): Promise<number> {
  return withBench({}, async (bench) => {
    const service = await startOdataService(PAGE_SIZE);
    try {
      await writeSetting(bench.ours, 'transport_graph.odata.url', service.url, { actor: 'bench' });
      const measured = [
        ...(await measure(bench, service, records, rounds)),
        ...(await measure(bench, service, manyRecords, Math.min(rounds, 3))),
      ];
      return report(measured, await contenders(bench, records, rounds));
    } finally {
      await service.close();
    }
  });
}

async function measure(bench: Bench, service: OdataService, records: number, rounds: number): Promise<Measured[]> {
  const sync = createSync(bench.ours);
  const first: Round[] = [];
  const changed: Round[] = [];
  const unchanged: Round[] = [];
  for (let round = 0; round < rounds; round++) {
    const sets = network(records);
    service.publish(sets);
    await bench.ours.query('TRUNCATE datasets, dataset_backups, stops, routes, flights, graphs, stage_runs');
    await settleDown(bench);
    first.push(await timed(service, sync, 'success'));
    unchanged.push(await timed(service, sync, 'skipped'));
    for (let n = 0; n < sets['Flights']!.length; n += 100) sets['Flights']![n]!['AvailableSeats'] = 10 + round;
    service.publish(sets);
    changed.push(await timed(service, sync, 'success'));
  }
  return [
    { what: 'first sync', records, rounds: first, wantedOwnMs: null },
    { what: '1 % of the flights changed', records, rounds: changed, wantedOwnMs: null },
    { what: 'nothing changed', records, rounds: unchanged, wantedOwnMs: records <= 5_000 ? UNCHANGED_MS : null },
  ];
}

async function timed(service: OdataService, sync: () => Promise<StageOutcome>, wanted: string): Promise<Round> {
  const startedAt = performance.now();
  const { status, message } = await sync();
  const endedAt = performance.now();
  if (status !== wanted) throw new Error(`The sync ended ${status} (${message}), not ${wanted}: nothing was measured.`);
  return { totalMs: endedAt - startedAt, ownMs: endedAt - service.lastAnswerAt() };
}

function createSync(pool: pg.Pool): () => Promise<StageOutcome> {
  const stage = createSyncOdata({
    pool,
    settings: { read: () => readTransportGraphSettings(pool) },
    openBackupStore,
    log: createStageLog(ODATA_SYNC, { write: () => {} }),
    heartbeat: () => {},
    timeLeftMs: () => 600_000,
    cancellationSignal: () => new AbortController().signal,
  });
  return () => stage({ workerId: ODATA_SYNC, workflowRunId: 'bench', force: false });
}

/** Loads the same rows into empty copies of the tables, with their indexes and checks. */
async function contenders({ ours }: Bench, records: number, rounds: number): Promise<[string, number[]][]> {
  const sets = network(records);
  const oneByOne: number[] = [];
  const copied: number[] = [];
  for (let round = 0; round < rounds; round++) {
    oneByOne.push(await insertOneByOne(ours, sets));
    copied.push(await insertSelect(ours, sets));
  }
  return [
    ['INSERT … ON CONFLICT, row by row, in one transaction', oneByOne],
    ['one INSERT … SELECT per table, from rows PostgreSQL has already', copied],
  ];
}

const FLIGHT = `INSERT INTO limit_flights (id, route_id, from_stop_id, to_stop_id, departure_at, arrival_at, available_seats)`;
const CREATE = ['stops', 'routes', 'flights'].map(
  (table) => `CREATE TABLE limit_${table} (LIKE ${table} INCLUDING ALL);
  ALTER TABLE limit_${table} ALTER dataset_version SET DEFAULT 1`,
);
const DROP = 'DROP TABLE limit_stops, limit_routes, limit_flights';

async function insertOneByOne(pool: pg.Pool, sets: Record<string, Record<string, unknown>[]>): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query(CREATE.join(';'));
    const startedAt = performance.now();
    await client.query('BEGIN');
    for (const row of sets['Stops']!) {
      await client.query(
        'INSERT INTO limit_stops (id, name, city_name, latitude, longitude) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name',
        Object.values(row),
      );
    }
    for (const row of sets['Routes']!) {
      await client.query(
        `INSERT INTO limit_routes (id, name, from_stop_id, to_stop_id, transport_type, duration_minutes, distance_km, fare_rub)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name`,
        Object.values(row),
      );
    }
    for (const row of sets['Flights']!) {
      await client.query(
        `${FLIGHT} VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET departure_at = EXCLUDED.departure_at`,
        Object.values(row),
      );
    }
    await client.query('COMMIT');
    return performance.now() - startedAt;
  } finally {
    await client.query(DROP);
    client.release();
  }
}

async function insertSelect(pool: pg.Pool, sets: Record<string, Record<string, unknown>[]>): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query(CREATE.join(';'));
    await client.query('CREATE TEMP TABLE given (name text, rows jsonb)');
    for (const [name, rows] of Object.entries(sets)) {
      await client.query('INSERT INTO given VALUES ($1, $2)', [name, JSON.stringify(rows)]);
    }
    const from = (name: string, columns: string) =>
      `FROM given, jsonb_to_recordset(rows) AS row(${columns}) WHERE name = '${name}'`;
    const startedAt = performance.now();
    await client.query(`BEGIN;
      INSERT INTO limit_stops (id, name, city_name, latitude, longitude)
        SELECT "Id", "Name", "CityName", "Latitude", "Longitude"
        ${from('Stops', '"Id" text, "Name" text, "CityName" text, "Latitude" float8, "Longitude" float8')};
      INSERT INTO limit_routes (id, name, from_stop_id, to_stop_id, duration_minutes)
        SELECT "Id", "Name", "FromStopId", "ToStopId", "DurationMinutes"
        ${from('Routes', '"Id" text, "Name" text, "FromStopId" text, "ToStopId" text, "DurationMinutes" int')};
      ${FLIGHT} SELECT "Id", "RouteId", "FromStopId", "ToStopId", "DepartureAt", "ArrivalAt", "AvailableSeats"
        ${from('Flights', '"Id" text, "RouteId" text, "FromStopId" text, "ToStopId" text, "DepartureAt" timestamptz, "ArrivalAt" timestamptz, "AvailableSeats" int')};
      COMMIT`);
    return performance.now() - startedAt;
  } finally {
    await client.query(`${DROP}; DROP TABLE IF EXISTS given`);
    client.release();
  }
}

function report(measured: Measured[], others: [string, number[]][]): number {
  const ms = (value: number): string => `${Math.round(value)} ms`;
  const missed = (one: Measured): boolean =>
    one.wantedOwnMs !== null && median(one.rounds.map(({ ownMs }) => ownMs)) > one.wantedOwnMs;
  const rows = measured.map((one) => [
    one.what,
    String(one.records),
    ms(median(one.rounds.map(({ totalMs }) => totalMs))),
    ms(median(one.rounds.map(({ ownMs }) => ownMs))),
    one.wantedOwnMs === null ? '' : `≤ ${ms(one.wantedOwnMs)} ${missed(one) ? 'MISSED' : 'reached'}`,
  ]);
  console.log(`\n${plainTable(['sync', 'records', 'whole', 'after the source’s last byte', 'target'], rows)}`);
  console.log('\nwriting alone, the same records of the first line:');
  for (const [what, times] of others) console.log(`  ${what}: ${ms(median(times))}`);
  return measured.filter(missed).length;
}
