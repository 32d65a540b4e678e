import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openPostgres } from '../src/connections/postgres.ts';
import { openRedis, untilReady } from '../src/connections/redis.ts';
import type { StageOutcome } from '../src/workflows/transport-graph/activities.ts';

/**
 * A program: the stages `syncOdata` and `buildGraph` of the build in the folder that BUILD_DIR names, on the servers of POSTGRES_URL and
 * REDIS_URL. It executes a stage for each message that its parent sends, and answers with what that took.
 */

export interface StageRequest {
  stage: 'odata-sync' | 'graph-builder';
  force: boolean;
}

export interface StageAnswer {
  status: string;
  message: string;
  /** Wall time. */
  ms: number;
  /** CPU time of this process. */
  cpuMs: number;
}

/** A file of the build: earlier builds have some of them elsewhere. */
async function load<T>(...places: string[]): Promise<T> {
  const files = places.map((place) => join(process.env['BUILD_DIR']!, 'dist', place));
  const file = files.find((each) => existsSync(each));
  if (file === undefined) throw new Error(`There is no ${files.join(' or ')}: run npm run build there.`);
  return (await import(pathToFileURL(file).href)) as T;
}

type Stage = (work: { workerId: string; workflowRunId: string; force: boolean }) => Promise<StageOutcome>;

async function stages(): Promise<Record<StageRequest['stage'], Stage>> {
  const folder = 'activities/transport-graph';
  const { createSyncOdata } = await load<{ createSyncOdata(deps: object): Stage }>(
    `${folder}/odata-sync/sync-odata.js`,
  );
  const { createBuildGraph } = await load<{ createBuildGraph(deps: object): Stage }>(
    `${folder}/graph-builder/build-graph.js`,
  );
  const { createStageLog } = await load<{ createStageLog(stage: string, sink: object): unknown }>(
    `${folder}/stage-log.js`,
  );
  const { readTransportGraphSettings } = await load<{ readTransportGraphSettings(pool: unknown): Promise<object> }>(
    'records/settings.js',
    'settings/store.js',
  );
  const pool = openPostgres(process.env['POSTGRES_URL']!, { max: 4, applicationName: 'bench' });
  const redis = openRedis(process.env['REDIS_URL']!, { commandTimeoutMs: 30_000 });
  await untilReady(redis);
  const deps = {
    pool,
    redis,
    settings: { read: () => readTransportGraphSettings(pool) },
    openBackupStore: () => Promise.reject(new Error('This bench has no object store.')),
    log: createStageLog('bench', { write: () => {} }),
    heartbeat: () => {},
    timeLeftMs: () => 600_000,
    cancellationSignal: () => new AbortController().signal,
  };
  return { 'odata-sync': createSyncOdata(deps), 'graph-builder': createBuildGraph(deps) };
}

async function measured(run: Stage, { stage, force }: StageRequest): Promise<StageAnswer> {
  const [startedAt, cpu] = [performance.now(), process.cpuUsage()];
  const { status, message } = await run({ workerId: stage, workflowRunId: 'bench', force });
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpu);
  return { status, message, ms, cpuMs: (user + system) / 1_000 };
}

const ready = await stages();
process.on('message', (request: StageRequest) => {
  void measured(ready[request.stage], request).then(
    (answer) => process.send!(answer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit(0));
process.send!('ready');
