import { join } from 'node:path';
import { rmSync } from 'node:fs';
import { followRun } from '../cli/follow-run.ts';
import { count, duration } from '../cli/figures.ts';
import { printSummary } from '../cli/run-table.ts';
import { type Session, withSession } from '../cli/session.ts';
import { insertLegacyServer, parseLegacyServer } from '../settings/legacy-servers.ts';
import { migrate } from '../connections/migrations.ts';
import { insertVehicle } from '../settings/vehicles.ts';
import { writeStackEnv } from '../stack/stack-env.ts';
import { type Stack, stackStateDir, startStack } from '../stack/stack.ts';
import { type ApiProcess, startApiProcess } from './api-process.ts';
import { readCapmetrics } from './capmetrics.ts';
import { compareSourceAndTarget } from './compare.ts';
import { driveOn, fillLegacyDatabase } from './legacy-fleet.ts';
import { type DemoOptions, parseDemoOptions } from './options.ts';
import { showTransportGraph } from './transport-graph.ts';
import { startWorkerProcess } from './worker-process.ts';

const options = parseDemoOptions(process.argv.slice(2));
const startedAt = Date.now();
const say = (line = ''): void => console.log(line);

const stack = await startStack({ stateDir: stackStateDir('demo'), from: 'auto', onProgress: say });
try {
  const environmentFile = join(stack.stateDir, 'env');
  Object.assign(process.env, await writeStackEnv(stack, environmentFile), {
    FLEETGRAPH_STAGING_DIR: join(stack.stateDir, 'staging'),
  });
  say(`servers are up after ${duration(Date.now() - startedAt)}: PostgreSQL, MariaDB behind sshd, Redis, Temporal`);
  await withSession((session) => tellTheStory(stack, session, options));
  rmSync(environmentFile, { force: true });
} finally {
  await stack.destroy();
}
say(
  `done in ${duration(Date.now() - startedAt)}; nothing is left running${process.exitCode ? ', and something above went wrong' : ''}`,
);
// ssh2 and gRPC may hold a socket for a moment; everything of ours is closed.
process.exit();

async function tellTheStory(stack: Stack, session: Session, options: DemoOptions): Promise<void> {
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

  const worker = await startWorkerProcess(join(stack.stateDir, 'worker.log'));
  const api = await startApiProcess(session.postgres, {
    logFile: join(stack.stateDir, 'api.log'),
    temporalUiUrl: stack.temporal.uiUrl,
  });
  try {
    say(`\nDashboard        ${api.url}/\nREST API         ${api.url}/docs`);
    say(`key              ${api.key}   (to log in; as Authorization: Bearer …)`);
    say('\nfirst run: everything is new');
    await syncAndCompare(stack, session, options);
    const added = await driveOn(stack, generated);
    say(`\nsecond run: the fleet drove on, ${count(added)} new rows`);
    await syncAndCompare(stack, session, options);
    const source = await showTransportGraph(session, worker);
    say(`\nTemporal Web UI  ${stack.temporal.uiUrl}\nworker log       ${join(stack.stateDir, 'worker.log')}`);
    if (options.keep) await waitForCtrlC(api, join(stack.stateDir, 'env'));
    await source.close();
  } finally {
    await api.stop();
    await worker.stop();
  }
}

async function syncAndCompare(stack: Stack, session: Session, options: DemoOptions): Promise<void> {
  const manager = await session.manager();
  const run = await manager.start({ selection: { kind: 'all' }, maxWorkers: options.maxWorkers, requestedBy: 'demo' });
  const status = await followRun(manager, run);
  printSummary(status, await manager.results(run.runId));
  const { source, target, equal, differing } = await compareSourceAndTarget(stack, session.postgres);
  say(`source  ${count(source.rows)} rows of ${source.vehicles} vehicles, checksum ${source.checksum}`);
  say(
    `target  ${count(target.rows)} rows of ${target.vehicles} vehicles, checksum ${target.checksum}  ${equal ? '= equal' : `DIFFERENT for ${differing.join(', ')}`}`,
  );
  if (!equal || status.state !== 'completed' || status.failed > 0) process.exitCode = 1;
}

async function waitForCtrlC({ url, key }: ApiProcess, environmentFile: string): Promise<void> {
  say(`Dashboard        ${url}/\nkey              ${key}`);
  say('the stack stays up until Ctrl-C; in another terminal: npm run sync -- --all, npm run fleetgraph -- --help');
  say(`for the temporal command and other programs: set -a; . ${environmentFile}; set +a`);
  // Not once: npm passes a signal on and a terminal sends its own, and the second must not end us in the middle of tidying up.
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
}
