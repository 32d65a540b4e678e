import type { Logger } from 'pino';
import { basename } from 'node:path';
import type { SessionOptions, SshPool } from '../../../connections/ssh/ssh-pool.ts';
import type { SshTarget } from '../../../connections/ssh/ssh-target.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyPlan, LegacyPlanRequest } from '../fleet/legacy-planner.ts';
import { transferFile } from '../load/transfer.ts';
import { chooseCompressors } from './compression.ts';
import { exportRange } from './export-range.ts';
import { type HostTools, probeHost } from './host-tools.ts';
import { planVehicles } from './plan-tables.ts';
import { listRemoteDirs, type RemoteDirEntry, removeRemoteDir, removeRemoteFile } from './remote-files.ts';
import { assertRemoteDir, isRemoteDir, type RemoteDir } from './remote-path.ts';
import { type StreamedRange, streamRange } from './stream-range.ts';
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

export interface StreamOptions extends Omit<ExportOptions, 'rangeRows' | 'onProgress'> {
  /** As many as planning counted above the cursor. */
  newRows: number;
  /** Compressed bytes that are here. */
  onReceived?: (bytes: number) => void;
}

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
   * Dumps what is left of a vehicle's rows into memory, while it holds a transfer place. null when the dump turns out to be larger than
   * `transfer.at_once_bytes`: it has to be exported as others are.
   */
  streamRange(options: StreamOptions): Promise<StreamedRange | null>;
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

  /** What both ways of exporting ask for. */
  async function prepare({ vehicle, runId, cursor, frozenTo, overlapIds, signal }: Omit<ExportOptions, 'rangeRows'>) {
    const [found, password] = await Promise.all([tools(signal), readPassword()]);
    const { compression, niceness, exportTimeoutMs, minFreeBytes, overlapIds: usual } = settings();
    const compressors = chooseCompressors(found, compression, parts.readsZstd, server.id);
    const dir = { vehicleId: vehicle.id, runId };
    assertRemoteDir(dir);
    const range = { cursor, frozenToId: frozenTo, overlapIds: overlapIds ?? usual };
    const limits = { niceness, minFreeBytes, timeoutMs: exportTimeoutMs };
    return { found, compressors, request: { server, vehicle, password, dir, signal, ...range, ...limits } };
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
      const { found, compressors, request } = await prepare(options);
      const { rangeRows, onProgress } = options;
      const whole = { ...request, compressors, rangeRows, onProgress };
      return pool.withSession((shell) => exportRange(shell, found, whole), options);
    },
    streamRange: async ({ newRows, onReceived, ...options }) => {
      const { found, compressors, request } = await prepare(options);
      const compressor = newRows <= compressors.smallUpTo ? compressors.small : compressors.large;
      const rest = { ...request, compressor, maxBytes: settings().atOnceBytes, onReceived };
      return parts.transfers.hold(options, (signal) =>
        pool.withSession((shell) => streamRange(shell, found, { ...rest, signal }), { ...options, signal }),
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
