import type { TransportGraphSettings } from '../../../settings/transport-graph.ts';
import type { StageActivities, StageOutcome, StageWork } from '../../../workflows/transport-graph/activities.ts';
import { ODATA_SYNC } from '../../../workflows/transport-graph/messages.ts';
import { backupKey, packBackup } from './backup-document.ts';
import { contentSha256 } from './dataset-content.ts';
import { type FetchedDataset, fetchDataset } from './fetch-dataset.ts';
import { holdDataset } from './hold-dataset.ts';
import { type KnownDatasets, readKnownDatasets } from './known-datasets.ts';
import { type DatasetHead, saveDataset } from './save-dataset.ts';
import { type SetCounts, holdReason } from './shrink-gate.ts';
import { type BackupDependencies, uploadBackups } from './upload-backups.ts';

export interface SyncOdataDependencies extends BackupDependencies {
  heartbeat: (details: unknown) => void;
  /** Aborted when the stage is cancelled. */
  cancellationSignal: () => AbortSignal;
  /** Where the fault tests strike. */
  faultPoint?: (name: string) => void;
}

/** Several times within the heartbeat timeout of the stages (30 s); a cancellation reaches the stage with the answer to one. */
const HEARTBEAT_MS = 3_000;

/**
 * Stage 1: what the source publishes becomes the active dataset, if it differs from the active one and is no sharp loss.
 * Errors: OdataUnavailable (the workflow skips then), the other Odata… codes, InvalidConfiguration, InvalidSetting, SecretUnavailable,
 * DatabaseUnavailable, AlreadyRunning. Nothing is saved when it throws.
 */
export function createSyncOdata(deps: SyncOdataDependencies): StageActivities['syncOdata'] {
  return async (work) => {
    const beat = setInterval(() => deps.heartbeat({ worker: ODATA_SYNC }), HEARTBEAT_MS);
    try {
      return await sync(deps, work);
    } finally {
      clearInterval(beat);
    }
  };
}

async function sync(deps: SyncOdataDependencies, work: StageWork): Promise<StageOutcome> {
  const { log, pool } = deps;
  const settings = await deps.settings.read();
  const signal = deps.cancellationSignal();
  log.info('Step 1: Fetching OData API response...', { run: work.workflowRunId });
  const fetched = await fetchDataset(settings, signal);
  const { stops, routes, flights } = countsOf(fetched);
  log.info(`Fetched: ${stops} stops, ${routes} routes, ${flights} flights`);
  if (fetched.missing.length > 0) log.warn(`The source has no ${fetched.missing.join(', ')}: left empty`);
  log.info('Step 2: Calculating data hash...');
  const { odataSource: source } = settings;
  const head = { source, contentSha256: contentSha256(fetched.rows), rawSha256: fetched.rawSha256 };
  log.info(`Data hash: ${head.contentSha256}`);
  const known = await readKnownDatasets(pool, source, head.contentSha256);
  const skipped = await skipReason(deps, { work, settings, fetched, head, known });
  if (skipped !== null) {
    log.info(`Worker finished: ${skipped.message}`);
    return skip(skipped, known);
  }
  log.info('Changes detected - proceeding with update');
  deps.faultPoint?.('odata-sync:save');
  const outcome = await save(deps, { settings, fetched, head, known, signal });
  log.info('Worker finished: OData sync completed', { dataset: outcome.datasetVersion ?? 'none' });
  return outcome;
}

interface Found {
  settings: TransportGraphSettings;
  fetched: FetchedDataset;
  head: DatasetHead;
  known: KnownDatasets;
}

type Skip = Pick<StageOutcome, 'message' | 'alert'>;

/** `force` takes the same content again, but never past the gate that a person keeps. */
async function skipReason(
  { pool, log }: SyncOdataDependencies,
  { work, settings, fetched, head, known }: Found & { work: StageWork },
): Promise<Skip | null> {
  if (known.active?.contentSha256 === head.contentSha256) {
    return work.force ? null : { message: 'OData sync skipped - no changes detected' };
  }
  const { sameContent } = known;
  if (sameContent?.state === 'rejected') {
    const { decidedBy, version } = sameContent;
    return { message: `OData sync skipped - ${decidedBy} rejected this content as dataset ${version}` };
  }
  if (sameContent?.decidedAt) return null;
  const reason = holdReason(countsOf(fetched), known.approved ?? known.active, settings.shrinkPercent);
  if (reason === null) return null;
  const version = sameContent?.version ?? (await holdDataset(pool, head, fetched.rows, reason));
  const message = `OData sync held - ${reason}; dataset ${version} waits for approval`;
  log.warn(message);
  const subject = `dataset ${version} is held and waits for your approval`;
  return { message, alert: { subject, message, dedupeKey: `held/${head.source}/${version}` } };
}

async function save(
  deps: SyncOdataDependencies,
  { settings, fetched, head, known, signal }: Found & { signal: AbortSignal },
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
    rows: fetched.rows,
    comparedWith: known.active?.version ?? null,
    approval: holdReason(countsOf(fetched), known.active, settings.shrinkPercent) === null ? null : known.approved,
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

/** The dataset is committed: nothing that goes wrong with its backup may fail the stage, or a retry would find nothing to do. */
async function uploadBackup(deps: SyncOdataDependencies, version: string): Promise<void> {
  try {
    await uploadBackups(deps, version);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    deps.log.warn(`Backup failed, it is tried again later: ${found}`, { dataset: version });
  }
}

function countsOf({ rows }: FetchedDataset): SetCounts {
  return { stops: rows.stops.length, routes: rows.routes.length, flights: rows.flights.length };
}

const skip = (skipped: Skip, { active }: KnownDatasets): StageOutcome => ({
  status: 'skipped',
  ...skipped,
  datasetVersion: active?.version ?? null,
  dataProcessed: { added: 0, updated: 0, deleted: 0 },
});
