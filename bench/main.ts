import { Command, InvalidArgumentError, Option } from 'commander';
import { SIMULATED, adaptiveSimulated } from './adaptive-simulated.ts';
import { API_LOAD, apiLoad } from './api-load.ts';
import { BESIDE, beside } from './beside.ts';
import { BULK, bulk } from './bulk.ts';
import { COMPRESSION, compression } from './compression.ts';
import { convertDump } from './dump-converter.ts';
import { FAR, FAR_CASES, far } from './far.ts';
import { FAULTY, faulty } from './faulty.ts';
import { FLEET_ROUNDS, fleet } from './fleet.ts';
import { FLEET_DELTAS, fleetDeltas } from './fleet-deltas.ts';
import { FORECAST_DAYS, forecastRows } from './forecast.ts';
import { FORECAST_VEHICLES, forecastRuns } from './forecast-runs.ts';
import { MEMORY, memory } from './memory.ts';
import { ODATA_SYNC_BENCH, odataSync } from './odata-sync.ts';
import { GRAPH, graph } from './graph.ts';
import { orchestration } from './orchestration.ts';
import { paced } from './paced.ts';
import { UNCHANGED, unchangedPipeline } from './unchanged-pipeline.ts';
import { UP_TO_DATE, upToDate } from './up-to-date.ts';
import { RECONCILE, reconcile } from './reconcile.ts';
import { SMALL_DELTAS, smallDeltas } from './small-deltas.ts';
import { VIRTUAL, virtualEntities } from './virtual-entities.ts';

const program = new Command('bench').description(
  'Measures fleetgraph beside what it replaces, on servers of its own. Ratios within one run are what counts.',
);
program
  .command('bulk')
  .description('a first load of 800,000 rows, against pgloader, the classic pipeline and the limit')
  .option('--vehicles <n>', 'vehicles', wholeNumber, BULK.vehicles)
  .option('--rows <n>', 'rows of each', wholeNumber, BULK.rowsPerVehicle)
  .option('--rounds <n>', 'rounds of the fast contenders; the median counts', wholeNumber, BULK.rounds)
  .action(async ({ vehicles, rows, rounds }) => finish(await bulk({ vehicles, rowsPerVehicle: rows, rounds })));
program
  .command('compression')
  .description('first syncs over lines of 1, 20 and 200 MB/s, by each way to compress and by `auto`')
  .option('--rows <n>', 'rows of each vehicle', wholeNumber, COMPRESSION.rowsPerVehicle)
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, COMPRESSION.rounds)
  .action(async ({ rows, rounds }) => finish(await compression({ ...COMPRESSION, rowsPerVehicle: rows, rounds })));
program
  .command('fleet')
  .description('a first sync of a real fleet that shares one table, against pgloader')
  .requiredOption('--data <folder>', 'CapMetrics files, *.csv or *.csv.gz')
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, FLEET_ROUNDS)
  .action(async ({ data, rounds }) => finish(await fleet({ folder: data, rounds })));
program
  .command('fleet-deltas')
  .description('2,000 vehicles of one table with 20 new rows each, together and vehicle by vehicle')
  .option('--vehicles <n>', 'vehicles', wholeNumber, FLEET_DELTAS.vehicles)
  .option('--rows <n>', 'new rows of each', wholeNumber, FLEET_DELTAS.newRows)
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, FLEET_DELTAS.rounds)
  .action(async ({ vehicles, rows, rounds }) => finish(await fleetDeltas({ vehicles, newRows: rows, rounds })));
program
  .command('forecast')
  .description('how far off forecasts of a real fleet’s rows are, of the last days and from those before')
  .requiredOption('--data <folder>', 'CapMetrics files, *.csv or *.csv.gz')
  .option('--days <n>', 'days that are held back', wholeNumber, FORECAST_DAYS)
  .option('--runs', 'sync the fleet hour by hour, too, and say how far off the expected durations were', false)
  .option('--vehicles <n>', 'the busiest ones, which are synced', wholeNumber, FORECAST_VEHICLES)
  .action(async ({ data, days, runs, vehicles }) => {
    await forecastRows({ folder: data, days });
    if (runs) await forecastRuns({ folder: data, vehicles });
    finish(0);
  });
program
  .command('up-to-date')
  .description('10,000 vehicles of one table without news')
  .option('--vehicles <n>', 'vehicles', wholeNumber, UP_TO_DATE.vehicles)
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, UP_TO_DATE.rounds)
  .action(async ({ vehicles, rounds }) => finish(await upToDate({ vehicles, rounds })));
program
  .command('reconcile')
  .description('1,000,000 rows of 100 vehicles compared with their source, beside their first sync')
  .option('--vehicles <n>', 'vehicles', wholeNumber, RECONCILE.vehicles)
  .option('--rows <n>', 'rows of each', wholeNumber, RECONCILE.rowsPerVehicle)
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, RECONCILE.rounds)
  .action(async ({ vehicles, rows, rounds }) => finish(await reconcile({ vehicles, rowsPerVehicle: rows, rounds })));
program
  .command('memory')
  .description('the worker’s memory over a first load of 5,000,000 rows')
  .option('--vehicles <n>', 'vehicles', wholeNumber, MEMORY.vehicles)
  .option('--rows <n>', 'rows of each', wholeNumber, MEMORY.rowsPerVehicle)
  .action(async ({ vehicles, rows }) => finish(await memory({ vehicles, rowsPerVehicle: rows })));
program
  .command('dump-converter')
  .description('how fast one core turns a dump into binary COPY')
  .option('--rows <n>', 'rows', wholeNumber, 1_000_000)
  .action(({ rows }) => {
    convertDump(rows);
    finish(0);
  });
program
  .command('small-deltas')
  .description('100 vehicles with 500 new rows each, against the classic pipeline 4 at a time')
  .option('--vehicles <n>', 'vehicles', wholeNumber, SMALL_DELTAS.vehicles)
  .option('--rows <n>', 'new rows of each', wholeNumber, SMALL_DELTAS.newRows)
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, SMALL_DELTAS.rounds)
  .action(async ({ vehicles, rows, rounds }) => finish(await smallDeltas({ vehicles, newRows: rows, rounds })));
program
  .command('paced')
  .description('three vehicles that take 10, 8 and 12 s, side by side and one after the other')
  .action(async () => finish(await paced()));
program
  .command('far')
  .description(
    'what more slots bring at a host with 50 ms added per round trip, and on a line that paces each transfer',
  )
  .option('--vehicles <n>', 'vehicles of the larger fleet at the far host', wholeNumber, FAR.vehicles)
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, FAR.rounds)
  .addOption(new Option('--only <case>', 'one of them').choices(FAR_CASES))
  .action(async ({ vehicles, rounds, only }) => finish(await far({ ...FAR, vehicles, rounds }, only ?? null)));
program
  .command('adaptive')
  .description('the limit that adapts, beside each fixed one, on simulated hosts with a knee')
  .option('--seeds <n>', 'runs at each host', wholeNumber, SIMULATED.seeds)
  .action(({ seeds }) => finish(adaptiveSimulated({ ...SIMULATED, seeds })));
program
  .command('faulty')
  .description('1,000 vehicle syncs at a host that loses one dump in twenty half-way')
  .option('--vehicles <n>', 'vehicles', wholeNumber, FAULTY.vehicles)
  .action(async ({ vehicles }) => finish(await faulty({ ...FAULTY, vehicles })));
program
  .command('orchestration')
  .description('the same workflows over empty activities: milliseconds per vehicle')
  .action(async () => finish(await orchestration()));
program
  .command('odata-sync')
  .description('first, changed and unchanged syncs of an OData source, against INSERTs and PostgreSQL’s own limit')
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, ODATA_SYNC_BENCH.rounds)
  .action(async ({ rounds }) => finish(await odataSync({ ...ODATA_SYNC_BENCH, rounds })));
program
  .command('graph')
  .description(
    '5,000 stops and 100,000 routes from PostgreSQL to active, and the load of Redis against redis-cli --pipe',
  )
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, GRAPH.rounds)
  .action(async ({ rounds }) => finish(await graph({ ...GRAPH, rounds })));
program
  .command('virtual-entities')
  .description('365,000 virtual flights, against generate_series into the same indexes')
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, VIRTUAL.rounds)
  .action(async ({ rounds }) => finish(await virtualEntities({ ...VIRTUAL, rounds })));
program
  .command('unchanged-pipeline')
  .description('all three stages over a source that has not changed')
  .option('--rounds <n>', 'rounds; the median counts', wholeNumber, UNCHANGED.rounds)
  .action(async ({ rounds }) => finish(await unchangedPipeline({ ...UNCHANGED, rounds })));
program
  .command('api-load')
  .description('reads of the API at a fixed rate while both pipelines run, beside a bare Fastify route')
  .option('--rate <n>', 'requests a second', wholeNumber, API_LOAD.perSecond)
  .option('--rounds <n>', 'rounds of 12 s each', wholeNumber, API_LOAD.rounds)
  .option('--flat-out', 'both pipelines as fast as this machine can, with hosts and source that answer at once', false)
  .action(async ({ rate, rounds, flatOut }) =>
    finish(await apiLoad({ ...API_LOAD, perSecond: rate, rounds, flatOut })),
  );
program
  .command('beside')
  .description('sync of 100,000 records and graph of 100,000 routes beside those of another build, by turns')
  .requiredOption('--build <folder>', 'checkout of the other build, in which npm run build was run')
  .option('--rounds <n>', 'pairs; the median of their ratios counts', wholeNumber, BESIDE.rounds)
  .addOption(new Option('--only <part>', 'one of the two').choices(['sync', 'graph']))
  .action(async ({ build, rounds, only }) => finish(await beside({ ...BESIDE, build, rounds, only: only ?? null })));
await program.parseAsync();

function wholeNumber(text: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(text)) throw new InvalidArgumentError('a whole number above 0 is needed.');
  return Number(text);
}

function finish(missed: number): void {
  if (missed > 0) console.log(`\ntargets missed: ${missed}`);
  // Everything of ours is closed, but ssh2 and gRPC may keep a socket open for a moment.
  process.exit(missed > 0 ? 1 : 0);
}
