import { inTransaction } from '../../../connections/postgres.ts';
import { Failure } from '../../../errors.ts';
import {
  type DatasetHead,
  type KnownDataset,
  type KnownDatasets,
  type SetCounts,
  datasetOfReading,
  insertHeldDataset,
  readKnownDatasets,
  recordReading,
} from '../../../records/datasets.ts';
import { readStoredNetwork } from '../../../records/network-sets.ts';
import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { StageActivities, StageOutcome, StageWork } from '../../../workflows/transport-graph/activities.ts';
import { ODATA_SYNC } from '../../../workflows/transport-graph/messages.ts';
import type { StageLog } from '../stage-log.ts';
import { backupKey, packBackup } from './backup-document.ts';
import { contentSha256 } from './dataset-content.ts';
import { type FetchedDataset, fetchDataset } from './fetch-dataset.ts';
import { type Network, compareNetwork, countsOf } from './network-set.ts';
import { saveDataset } from './save-dataset.ts';
import { holdReason } from './shrink-gate.ts';
import { heartbeating } from '../../heartbeating.ts';
import { type BackupDependencies, uploadBackups } from './upload-backups.ts';

export interface SyncOdataDependencies extends BackupDependencies {
  heartbeat: (details: unknown) => void;
  /** Aborted when the stage is cancelled. */
  cancellationSignal: () => AbortSignal;
  /** Milliseconds until this attempt is given up. */
  timeLeftMs: () => number;
  /** The fault tests make the sync fail here. */
  faultPoint?: (name: string) => void;
}

/**
 * Stage 1: makes what the source publishes the active dataset, if it differs from the active one and did not shrink sharply. Nothing is
 * saved when it throws.
 * Errors: OdataUnavailable (the workflow skips then), the other Odata… codes, InvalidConfiguration, InvalidSetting, SecretUnavailable,
 * DatabaseUnavailable, AlreadyRunning.
 */
export function createSyncOdata(deps: SyncOdataDependencies): StageActivities['syncOdata'] {
  return (work) =>
    heartbeating(
      deps.heartbeat,
      () => ({ worker: ODATA_SYNC }),
      () => sync(deps, work),
    );
}

async function sync(deps: SyncOdataDependencies, work: StageWork): Promise<StageOutcome> {
  const { log, pool } = deps;
  const settings = await deps.settings.read();
  const signal = deps.cancellationSignal();
  log.info('Step 1: Fetching OData API response...', { run: work.workflowRunId });
  const fetched = await fetchInTime(settings, signal, deps.timeLeftMs());
  const { odataSource: source } = settings;
  const same = await datasetOfReading(pool, source, fetched.readingSha256);
  if (same !== null && !work.force) return unchanged(deps, same, same);
  const stored = work.force ? null : await readStoredNetwork(pool, source);
  const network = compareNetwork(fetched, stored);
  const missing = fetched.missing();
  if (missing.length > 0) log.warn(`The source has no ${missing.join(', ')}: left empty`);
  const { readingSha256 } = fetched;
  const head = { source, contentSha256: contentSha256(network), rawSha256: fetched.rawSha256(), readingSha256 };
  const known = await readKnownDatasets(pool, source, head.contentSha256);
  const comparedWith = stored?.datasetVersion ?? known.active?.version ?? null;
  const found = { settings, fetched, network, head, known, comparedWith };
  if (known.active?.contentSha256 === head.contentSha256 && !work.force) {
    await recordReading(pool, known.active.version, readingSha256);
    return unchanged(deps, known.active, countsOf(network));
  }
  tellRead(log, countsOf(network), head.contentSha256);
  const skipped = await skipReason(deps, { ...found, work });
  if (skipped !== null) {
    log.info(`Worker finished: ${skipped.message}`);
    return skip(skipped, known.active);
  }
  log.info('Changes detected - proceeding with update');
  deps.faultPoint?.('odata-sync:save');
  const outcome = await save(deps, { ...found, signal });
  log.info('Worker finished: OData sync completed', { dataset: outcome.datasetVersion ?? 'none' });
  return outcome;
}

function tellRead(log: StageLog, { stops, routes, flights }: SetCounts, contentSha256: string): void {
  log.info(`Fetched: ${stops} stops, ${routes} routes, ${flights} flights`);
  log.info('Step 2: Calculating data hash...');
  log.info(`Data hash: ${contentSha256}`);
}

function unchanged({ log }: SyncOdataDependencies, active: KnownDataset, counts: SetCounts): StageOutcome {
  tellRead(log, counts, active.contentSha256);
  const message = 'OData sync skipped - no changes detected';
  log.info(`Worker finished: ${message}`);
  return skip({ message }, active);
}

/**
 * Gives up before the attempt is given up from outside, which would look like a worker that was lost: a source that does not come to an end
 * is unavailable like any other. What is left of the time is for saving.
 */
async function fetchInTime(
  settings: TransportGraphSettings,
  cancelled: AbortSignal,
  leftMs: number,
): Promise<FetchedDataset> {
  const patienceMs = Math.floor(leftMs - Math.min(30_000, leftMs / 10));
  const late = AbortSignal.timeout(Math.max(0, patienceMs));
  try {
    return await fetchDataset(settings, AbortSignal.any([cancelled, late]));
  } catch (error) {
    if (!late.aborted || cancelled.aborted || error !== late.reason) throw error;
    throw new Failure(
      'OdataUnavailable',
      `Reading the source: it had not sent everything after ${Math.round(patienceMs / 1_000)} s, and timeout_ms in pipeline_stages allows no more. Check the source; the next run tries again.`,
    );
  }
}

interface Found {
  settings: TransportGraphSettings;
  fetched: FetchedDataset;
  network: Network;
  head: DatasetHead;
  known: KnownDatasets;
  comparedWith: string | null;
}

type Skip = Pick<StageOutcome, 'message' | 'alert'>;

/** Why the dataset is not taken, or null. `force` takes unchanged content again, but never content that waits for a person's decision. */
async function skipReason(
  { pool, log }: SyncOdataDependencies,
  { work, settings, network, head, known }: Found & { work: StageWork },
): Promise<Skip | null> {
  if (work.force && known.active?.contentSha256 === head.contentSha256) return null;
  const { sameContent } = known;
  if (sameContent?.state === 'rejected') {
    const { decidedBy, version } = sameContent;
    return { message: `OData sync skipped - ${decidedBy} rejected this content as dataset ${version}` };
  }
  if (sameContent?.decidedAt) return null;
  const counts = countsOf(network);
  const reason = holdReason(counts, known.approved ?? known.active, settings.shrinkPercent);
  if (reason === null) return null;
  const hold = () => inTransaction(pool, (client) => insertHeldDataset(client, head, counts, reason));
  const version = sameContent?.version ?? (await hold());
  const message = `OData sync held - ${reason}; dataset ${version} waits for approval`;
  log.warn(message);
  const subject = `dataset ${version} is held and waits for your approval`;
  return { message, alert: { subject, message, dedupeKey: `held/${head.source}/${version}` } };
}

async function save(
  deps: SyncOdataDependencies,
  { settings, fetched, network, head, known, comparedWith, signal }: Found & { signal: AbortSignal },
): Promise<StageOutcome> {
  const { pool, log } = deps;
  const { source, rawSha256 } = head;
  const backup = settings.backupEnabled
    ? {
        key: backupKey(settings.backupPrefix, source, rawSha256),
        body: await packBackup(source, rawSha256, fetched.raw),
      }
    : null;
  const { version, counts } = await saveDataset(pool, {
    ...head,
    network,
    comparedWith,
    approval: holdReason(countsOf(network), known.active, settings.shrinkPercent) === null ? null : known.approved,
    backup,
    batchSize: settings.batchSize,
    signal,
  });
  deps.faultPoint?.('odata-sync:saved');
  if (backup !== null) await uploadBackup(deps, version);
  const records = counts.added + counts.updated + counts.deleted;
  log.info(`Saved: ${counts.added} added, ${counts.updated} updated, ${counts.deleted} deleted`);
  return {
    status: 'success',
    message: `OData sync completed - ${records} records updated`,
    datasetVersion: version,
    dataProcessed: counts,
  };
}

/** The dataset is committed. A failure of its backup must not fail the stage, because a retry would find nothing to do. */
async function uploadBackup(deps: SyncOdataDependencies, version: string): Promise<void> {
  try {
    await uploadBackups(deps, version);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    deps.log.warn(`Backup failed, it is tried again later: ${found}`, { dataset: version });
  }
}

const skip = (skipped: Skip, active: KnownDataset | null): StageOutcome => ({
  status: 'skipped',
  ...skipped,
  datasetVersion: active?.version ?? null,
  dataProcessed: { added: 0, updated: 0, deleted: 0 },
});
