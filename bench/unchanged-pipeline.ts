import { join } from 'node:path';
import { openBackupStore } from '../src/activities/transport-graph/backup-store.ts';
import { createSyncOdata } from '../src/activities/transport-graph/odata-sync/sync-odata.ts';
import { createStageLog } from '../src/activities/transport-graph/stage-log.ts';
import { createGenerateVirtualEntities } from '../src/activities/transport-graph/virtual-entities/generate-virtual-entities.ts';
import { readTransportGraphSettings, writeSetting } from '../src/records/settings.ts';
import { checkoutDir } from '../src/stack/checkout-dir.ts';
import type { StageOutcome } from '../src/workflows/transport-graph/activities.ts';
import { ODATA_SYNC, VIRTUAL_ENTITIES } from '../src/workflows/transport-graph/messages.ts';
import { createBuilder } from '../test/support/graph-fixture.ts';
import { median } from './figures.ts';
import { type GraphServers, printLimits, timed, withGraphServers } from './graph-servers.ts';
import { network, startOdataService } from './odata-service.ts';

export const UNCHANGED = { records: 5_000, rounds: 9 };

const PAGE_SIZE = 1_000;

/** Measures all three stages on a source without changes: our own work, after the source's last byte. */
export function unchangedPipeline({ records, rounds } = UNCHANGED): Promise<number> {
  return withGraphServers(async (servers) => {
    const service = await startOdataService(PAGE_SIZE);
    try {
      service.publish(network(records));
      await writeSetting(servers.pool, 'transport_graph.odata.url', service.url, { actor: 'bench' });
      const citiesFile = join(checkoutDir(), 'data/cities/sakha.json');
      await writeSetting(servers.pool, 'transport_graph.virtual.cities_file', citiesFile, { actor: 'bench' });
      const stages = createStages(servers);
      for (const stage of stages) expectStatus(await stage(), 'success');
      const [synced, generated, built]: [number[], number[], number[]] = [[], [], []];
      for (let round = 0; round < rounds; round++) {
        const [sync, generate, build] = stages;
        const startedAt = performance.now();
        const syncMs = await timed(async () => expectStatus(await sync(), 'skipped'));
        synced.push(startedAt + syncMs - service.lastAnswerAt());
        generated.push(await timed(async () => expectStatus(await generate(), 'skipped')));
        built.push(await timed(async () => expectStatus(await build(), 'skipped')));
      }
      const sums = synced.map((ms, i) => ms + generated[i]! + built[i]!);
      console.log(
        `\nsync, generator, builder, ms: ${[synced, generated, built].map((times) => median(times).toFixed(1)).join(' + ')}`,
      );
      return printLimits([
        { name: `unchanged pipeline, ${records} records`, measured: median(sums), atMost: 200, unit: 'ms' },
      ]);
    } finally {
      await service.close();
    }
  });
}

type Stage = () => Promise<StageOutcome>;

function createStages({ pool, redis }: GraphServers): [Stage, Stage, Stage] {
  const settings = { read: () => readTransportGraphSettings(pool) };
  const log = createStageLog('bench', { write: () => {} });
  const work = (workerId: string) => ({ workerId, workflowRunId: 'bench', force: false });
  const sync = createSyncOdata({
    pool,
    settings,
    openBackupStore,
    log,
    heartbeat: () => {},
    timeLeftMs: () => 600_000,
    cancellationSignal: () => new AbortController().signal,
  });
  const generate = createGenerateVirtualEntities({ pool, settings, log, heartbeat: () => {} });
  const { build } = createBuilder(pool, redis);
  return [() => sync(work(ODATA_SYNC)), () => generate(work(VIRTUAL_ENTITIES)), () => build()];
}

function expectStatus({ status, message }: StageOutcome, wanted: string): void {
  if (status !== wanted) throw new Error(`A stage ended ${status} (${message}), not ${wanted}: nothing was measured.`);
}
