import type { Logger } from 'pino';
import { basename } from 'node:path';
import type { SessionOptions, SshPool } from '../../../connections/ssh/ssh-pool.ts';
import type { SshTarget } from '../../../connections/ssh/ssh-target.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyPlan, LegacyPlanRequest } from '../fleet/legacy-planner.ts';
import { type ReceiveRequest, receivingContent } from '../load/receive-content.ts';
import { transferFile } from '../load/transfer.ts';
import { chooseCompressors } from './compression.ts';
import { type Exported, exportRange } from './export-range.ts';
import type { ExportRequest } from './export-request.ts';
import { type HostTools, probeHost } from './host-tools.ts';
import { planVehicles } from './plan-tables.ts';
import { listRemoteDirs, type RemoteDirEntry, removeRemoteDir, removeRemoteFile } from './remote-files.ts';
import { isRemoteDir, type RemoteDir } from './remote-path.ts';
import type { LegacyColumn } from './table-description.ts';
import type { TransferPlaces } from './transfer-places.ts';

export interface LegacyHostParts {
  pool: SshPool;
  target: SshTarget;
  server: LegacyServer;
  settings: () => LegacySyncSettings;
  transfers: TransferPlaces;
  /** null where the login's own option files say how to log in to MySQL. */
  readPassword: () => Promise<string | null>;
  /** Whether this host can read zstd: `auto` compresses with it only then. */
  readsZstd: boolean;
  logger: Logger;
}

export interface ExportOptions extends SessionOptions {
  vehicle: Vehicle;
  tableColumns: LegacyColumn[];
  runId: string;
  cursor: string;
  frozenTo: string;
  /** null: what is left is known to be no more than a range. */
  rangeRows: number | null;
  /** Ids at and below the cursor that are read again; default: the setting. */
  overlapIds?: number;
  onProgress?: (bytes: number) => void;
}

export type FetchOptions = Pick<ReceiveRequest, 'fileFor' | 'onSending'> & {
  /** Bytes of the file that are here. */
  onReceived?: ReceiveRequest['onProgress'];
};

export interface TransferOptions extends SessionOptions {
  manifest: ExportManifest;
  localFile: string;
  onProgress?: (bytes: number) => void;
}

/** Everything we do at one legacy server. Errors are Failures, or the signal's reason. */
export interface LegacyHost {
  plan(request: Omit<LegacyPlanRequest, 'server'>): Promise<LegacyPlan>;
  /** null when no row is left above the cursor. */
  exportRange(options: ExportOptions): Promise<ExportManifest | null>;
  /**
   * Exports a range that is thought to be small while it holds a transfer place: a dump of at most `transfer.at_once_bytes` comes over the
   * same session and leaves nothing behind (`sent`, `removed`); a larger one waits there to be transferred. null as `exportRange`.
   */
  exportAndFetch(options: ExportOptions & FetchOptions): Promise<Exported | null>;
  transfer(options: TransferOptions): Promise<void>;
  /** Removes one exported file, when its rows are in PostgreSQL or when it turned out to be no good. */
  removeFile(manifest: ExportManifest, signal?: AbortSignal): Promise<void>;
  /** Ends what runs there for a vehicle in a run, and removes its files. */
  removeFiles(dir: RemoteDir, signal?: AbortSignal): Promise<void>;
  listFiles(signal?: AbortSignal): Promise<RemoteDirEntry[]>;
}

export function createLegacyHost(parts: LegacyHostParts): LegacyHost {
  const { pool, server, settings, readPassword } = parts;
  const tools = probeOnce(pool, server);

  async function prepare(options: ExportOptions): Promise<[HostTools, ExportRequest]> {
    const { vehicle, runId, cursor, frozenTo, rangeRows, overlapIds, onProgress, signal } = options;
    const [found, password] = await Promise.all([tools(signal), readPassword()]);
    const { compression, niceness, exportTimeoutMs, minFreeBytes } = settings();
    const compressors = chooseCompressors(found, compression, parts.readsZstd, server.id);
    const dir = { vehicleId: vehicle.id, runId };
    const range = { cursor, rangeRows, frozenToId: frozenTo, overlapIds: overlapIds ?? settings().overlapIds };
    const limits = { niceness, minFreeBytes, timeoutMs: exportTimeoutMs, sendUpTo: 0 };
    return [found, { server, vehicle, password, dir, compressors, onProgress, signal, ...range, ...limits }];
  }

  return {
    plan: async ({ vehicles, countCap, signal }) => {
      const [found, password] = await Promise.all([tools(signal), readPassword()]);
      return pool.withSession(
        async (shell) =>
          planOf(await planVehicles({ shell, server, tools: found, password, signal }, vehicles, { countCap })),
        { signal },
      );
    },
    exportRange: async (options) => {
      const [found, request] = await prepare(options);
      const exported = await pool.withSession((shell) => exportRange(shell, found, request), options);
      return exported?.manifest ?? null;
    },
    exportAndFetch: async ({ fileFor, onSending, onReceived, ...options }) => {
      const [found, request] = await prepare(options);
      const { stallBytesPerSecond, stallMs, minFreeBytes, atOnceBytes } = settings();
      const limits = { stallBytesPerSecond, stallMs, minFreeBytes };
      return parts.transfers.hold(options, (held) =>
        receivingContent({ ...limits, fileFor, onSending, onProgress: onReceived, signal: held }, (onContent, signal) =>
          pool.withSession(
            (shell) => exportRange(shell, found, { ...request, sendUpTo: atOnceBytes, onContent, signal }),
            { ...options, signal },
          ),
        ),
      );
    },
    transfer: async ({ manifest, localFile, onProgress, ...session }) => {
      const { transferMethod: method, stallBytesPerSecond, stallMs, minFreeBytes } = settings();
      const limits = { stallBytesPerSecond, stallMs, minFreeBytes };
      await parts.transfers.hold(session, (signal) =>
        transferFile({
          ...session,
          ...limits,
          pool,
          target: parts.target,
          manifest,
          localFile,
          method,
          onProgress,
          signal,
        }),
      );
    },
    removeFile: async (manifest, signal) => {
      const [file = '', runId = '', vehicleId = ''] = manifest.file.split('/').reverse();
      if (!isRemoteDir({ vehicleId, runId })) throw new TypeError(`Not a file of ours: ${manifest.file}`);
      const files = [basename(file), `${manifest.watermark}.manifest`];
      await pool.withSession((shell) => removeRemoteFile(shell, server, { vehicleId, runId }, files, signal), {
        signal,
      });
    },
    removeFiles: (dir, signal) => pool.withSession((shell) => removeRemoteDir(shell, server, dir, signal), { signal }),
    listFiles: (signal) => pool.withSession((shell) => listRemoteDirs(shell, server, signal), { signal }),
  };
}

/** Looked up once per host and process; a look that failed is taken again. */
function probeOnce(pool: SshPool, server: LegacyServer): (signal?: AbortSignal) => Promise<HostTools> {
  let known: HostTools | null = null;
  return async (signal) => {
    known ??= await pool.withSession((shell) => probeHost(shell, server.id, signal), { signal });
    return known;
  };
}

function planOf({ tables, vehicles, warnings }: Awaited<ReturnType<typeof planVehicles>>): LegacyPlan {
  return {
    tables: [...tables].map(([table, columns]) => ({ table, columns })),
    vehicles: vehicles.map((vehicle) =>
      'failure' in vehicle
        ? { vehicleId: vehicle.vehicleId, failure: { code: vehicle.failure.code, message: vehicle.failure.message } }
        : vehicle,
    ),
    warnings,
  };
}
