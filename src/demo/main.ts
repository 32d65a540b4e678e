import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { explain } from '../cli/explain.ts';
import { followRun } from '../cli/follow-run.ts';
import { count, duration } from '../cli/figures.ts';
import { printSummary } from '../cli/run-table.ts';
import { type Session, withSession } from '../cli/session.ts';
import { EXIT_INTERRUPTED } from '../cli/show-run.ts';
import { insertLegacyServer, parseLegacyServer } from '../records/legacy-servers.ts';
import { migrate } from '../records/schema/migrations.ts';
import { insertVehicle } from '../records/vehicles.ts';
import { stackEnvFile, writeStackEnv } from '../stack/stack-env.ts';
import { type Stack, stackStateDir, startStack } from '../stack/stack.ts';
import { untilSignalled } from '../stack/until-signalled.ts';
import { startApiProcess } from './api-process.ts';
import { readCapmetrics } from '../emulators/capmetrics.ts';
import { compareSourceAndTarget, THE_TRACCAR } from './compare.ts';
import { type LegacyFleet, driveOn, fillLegacyDatabase } from './legacy-fleet.ts';
import { parseDemoOptions } from './options.ts';
import { TidyUp } from './tidy-up.ts';
import { showTraccarDepot } from './traccar-depot.ts';
import { showTransportGraph } from './transport-graph.ts';
import { startWorkerProcess } from './worker-process.ts';

/** Whatever takes longer to end, such as a build of Temporal, ends with this process. */
const TIDYING_UP_MS = 30_000;

const options = parseDemoOptions(process.argv.slice(2));
const startedAt = Date.now();
const say = (line = ''): void => console.log(line);
const tidyUp = new TidyUp();
const signalled = untilSignalled();

const outcome = await Promise.race([tellTheStory(), signalled.then(() => 'interrupted' as const)]).catch(
  (error: unknown) => {
    console.error(explain(error));
    return 'failed' as const;
  },
);
if (outcome === 'told' && options.keep) await signalled;
if (outcome === 'failed') process.exitCode = 1;
if (outcome === 'interrupted') process.exitCode = EXIT_INTERRUPTED;
await Promise.race([tidyUp.run(), sleep(TIDYING_UP_MS)]);
say(
  `${outcome === 'interrupted' ? 'interrupted' : 'done'} in ${duration(Date.now() - startedAt)}; nothing is left running${process.exitCode === 1 ? ', and something above went wrong' : ''}`,
);
// Everything of ours is closed, but ssh2 and gRPC may keep a socket open for a moment.
process.exit();

async function tellTheStory(): Promise<'told'> {
  const stateDir = stackStateDir('demo');
  const stack = await tidyUp.begin(startStack({ stateDir, from: 'auto', onProgress: say }), (up) => up.destroy());
  Object.assign(process.env, await writeStackEnv(stack), { FLEETGRAPH_STAGING_DIR: join(stack.stateDir, 'staging') });
  say(`servers are up after ${duration(Date.now() - startedAt)}: PostgreSQL, MariaDB behind sshd, Redis, Temporal`);
  await withSession(async (session) => {
    const fleet = await makeFleet(stack, session);
    const worker = await tidyUp.begin(startWorkerProcess(join(stack.stateDir, 'worker.log')), (up) => up.stop());
    const files = { logFile: join(stack.stateDir, 'api.log'), temporalUiUrl: stack.temporal.uiUrl };
    const api = await tidyUp.begin(startApiProcess(session.postgres, files), (up) => up.stop());
    const dashboard = `Dashboard        ${api.url}/`;
    say(`\n${dashboard}\nREST API         ${api.url}/docs`);
    say(`key              ${api.key}   (to log in; as Authorization: Bearer …)`);
    say('\nfirst run: everything is new');
    await syncAndCompare(stack, session);
    const added = await driveOn(stack, fleet.generated);
    say(`\nsecond run: the fleet drove on, ${count(added)} new rows`);
    await syncAndCompare(stack, session);
    if (!options.fleetOnly) {
      const traccar = await showTraccarDepot(stack);
      if (!(await printComparison(stack, session, THE_TRACCAR)) || !traccar) process.exitCode = 1;
      await showTransportGraph(session, worker);
    }
    say(`\nTemporal Web UI  ${stack.temporal.uiUrl}\nworker log       ${join(stack.stateDir, 'worker.log')}`);
    if (options.keep) say(`${dashboard}\nkey              ${api.key}\n${invitation(stack)}`);
  });
  return 'told';
}

async function makeFleet(
  stack: Stack,
  session: Session,
): Promise<LegacyFleet & { generated: { vehicles: number; rows: number } }> {
  await migrate(session.config.postgresUrl);
  const generated = { vehicles: options.vehicles, rows: options.rows };
  const real = await readCapmetrics(options.data, options.realVehicles);
  const fleet = await fillLegacyDatabase(stack, real, generated);
  const server = parseLegacyServer(fleet.server);
  await insertLegacyServer(session.postgres, fleet.server);
  for (const vehicle of fleet.vehicles) await insertVehicle(session.postgres, vehicle, server);
  say(
    `legacy database filled: ${fleet.vehicles.length} vehicles, ${count(real.length)} real positions (CapMetrics, Austin) and ${count(generated.vehicles * generated.rows)} generated`,
  );
  return { ...fleet, generated };
}

async function syncAndCompare(stack: Stack, session: Session): Promise<void> {
  const manager = await session.manager();
  const run = await manager.start({ selection: { kind: 'all' }, maxWorkers: options.maxWorkers, requestedBy: 'demo' });
  const status = await followRun(manager, run);
  printSummary(status, await manager.results(run.runId));
  const equal = await printComparison(stack, session);
  if (!equal || status.state !== 'completed' || status.failed > 0) process.exitCode = 1;
}

async function printComparison(
  stack: Stack,
  { postgres }: Session,
  what?: Parameters<typeof compareSourceAndTarget>[2],
): Promise<boolean> {
  const { source, target, equal, differing } = await compareSourceAndTarget(stack, postgres, what);
  say(`source  ${count(source.rows)} rows of ${source.vehicles} vehicles, checksum ${source.checksum}`);
  say(
    `target  ${count(target.rows)} rows of ${target.vehicles} vehicles, checksum ${target.checksum}  ${equal ? '= equal' : `DIFFERENT for ${differing.join(', ')}`}`,
  );
  return equal;
}

function invitation(stack: Stack): string {
  return `
All of it stays up until Ctrl-C. In another terminal:
  npm run sync -- --all
  npm run fleetgraph -- --help
  npm run temporal -- workflow list
Other programs read where the servers are: set -a; . ${stackEnvFile(stack.stateDir)}; set +a`;
}
