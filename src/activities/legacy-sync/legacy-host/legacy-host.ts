import type { Logger } from 'pino';
import { basename } from 'node:path';
import type { SessionOptions } from '../../../connections/ssh/session-places.ts';
import type { SshPool } from '../../../connections/ssh/ssh-pool.ts';
import type { SshTarget } from '../../../connections/ssh/ssh-target.ts';
import type { LegacyServer, Vehicle } from '../../../settings/legacy-server.ts';
import { overlapOf } from '../../../settings/overlap.ts';
import type { LegacySyncSettings } from '../../../settings/legacy-sync.ts';
import { hostProgramBytes, slotBuffers } from '../../../settings/slot-buffers.ts';
import type { ExportManifest } from '../../../workflows/legacy-sync/activities.ts';
import type { LegacyPlan, LegacyPlanRequest } from './legacy-planner.ts';
import type { HostLoad } from '../../../pool/adaptive-limit.ts';
import type { HostRates } from '../../../pool/host-rates.ts';
import type { LineMeter } from '../../../pool/line-speed.ts';
import { transferFile } from '../transfer/transfer.ts';
import { askDatabase } from './ask-database.ts';
import { chooseCompressors, type Readable } from './compression.ts';
import { exportToFile } from './export-to-file.ts';
import { type HostTools, probeHost } from './host-tools.ts';
import { END, type Statement } from './plan-statements.ts';
import { planVehicles } from './plan-tables.ts';
import { listRemoteDirs, type RemoteDirEntry, removeRemoteDir, removeRemoteFile } from './remote-files.ts';
import { characterSetWarning, readerFor } from './session-reader.ts';
import { assertRemoteDir, isRemoteDir, type RemoteDir } from './remote-path.ts';
import { type MysqlAccess, type MysqlSession, runStatements } from './run-statements.ts';
import { type StreamedDump, streamDump } from './stream-dump.ts';
import type { TableColumn } from '../../../records/legacy-tables.ts';
import type { TransferPlaces } from './transfer-places.ts';
import type { WantedVehicles } from './wanted-vehicles.ts';

export interface LegacyHostParts {
  pool: SshPool;
  target: SshTarget;
  server: LegacyServer;
  settings: () => LegacySyncSettings;
  transfers: TransferPlaces;
  /** null when the login's own option files say how to log in to MySQL. */
  readPassword: () => Promise<string | null>;
  readable: Readable;
  /** How fast the host may be worked; absent: as fast as it can. */
  rates?: HostRates | undefined;
  /** How fast the line to it is; absent: nobody measures it. */
  line?: LineMeter | undefined;
  /** Hears what the host says of its load. */
  onLoad?: ((load: HostLoad) => void) | undefined;
  logger: Logger;
}

export interface ExportOptions extends SessionOptions {
  vehicle: Vehicle;
  tableColumns: TableColumn[];
  /** The table's engine, `-` for a view; null: not known. */
  engine?: string | null;
  runId: string;
  cursor: string;
  frozenTo: string;
  /** null: the rows that are left are known to fit into one range. */
  rangeRows: number | null;
  /** Ids at and below the cursor that are read again; default: the setting. */
  overlapIds?: number;
  /** Of a table that many share: these vehicles' rows, and no others. */
  only?: WantedVehicles | undefined;
  /** Nothing is committed late among these ids any more. */
  final?: boolean;
  /** New rows that are left, as planning counted them. */
  newRows?: number;
  onProgress?: (bytes: number) => void;
}

export interface StreamOptions extends Omit<ExportOptions, 'rangeRows' | 'onProgress' | 'newRows'> {
  /** As many as planning counted above the cursor. */
  newRows: number;
  /** Compressed bytes received so far. */
  onReceived?: (bytes: number) => void;
}

export interface TransferOptions extends SessionOptions {
  manifest: ExportManifest;
  localFile: string;
  onProgress?: (bytes: number) => void;
}

/** Everything we do at one legacy server. Errors are Failures, or the signal's reason. */
export interface LegacyHost {
  /** What the host has of what we run there. */
  tools(signal?: AbortSignal): Promise<HostTools>;
  /**
   * Runs statements of ours in a database, each for two minutes at most; the rows of all of them. Errors also: LegacyQueryFailed and its kin when
   * one of them failed.
   */
  ask(database: string, statements: Statement[], signal?: AbortSignal, niceness?: number): Promise<string[][]>;
  plan(request: Omit<LegacyPlanRequest, 'server'>): Promise<LegacyPlan>;
  /** null when no row is left above the cursor. */
  exportToFile(options: ExportOptions): Promise<ExportManifest | null>;
  /**
   * Dumps the rest of a vehicle's rows into memory while it has a transfer place. null when the dump is larger than
   * `transfer.stream_max_bytes`; the range is then to be exported to a file.
   */
  streamDump(options: StreamOptions): Promise<StreamedDump | null>;
  transfer(options: TransferOptions): Promise<void>;
  /** Removes one exported file, when its rows are in PostgreSQL or when it turned out to be no good. */
  removeFile(manifest: ExportManifest, signal?: AbortSignal): Promise<void>;
  /** Ends what runs there for a vehicle in a run, and removes its files. */
  removeFiles(dir: RemoteDir, signal?: AbortSignal): Promise<void>;
  listFiles(signal?: AbortSignal): Promise<RemoteDirEntry[]>;
}

export function createLegacyHost(given: LegacyHostParts): LegacyHost {
  let load: HostLoad | null = null;
  const hear = (heard: HostLoad): void => {
    load = heard;
    given.onLoad?.(heard);
  };
  const parts = { ...given, onLoad: hear, lastLoad: () => load };
  const { pool, server, settings, rates, line } = parts;
  const tools = probeOnce(pool, server);
  const asking = mysqlSessions(parts, tools);
  const session = sessionMemory(server, asking);
  const prepare = preparing(parts, tools, session);

  return {
    tools,
    ask: (database, statements, signal, niceness) =>
      asking({ server: { ...server, database }, signal, niceness }, (access) => askDatabase(access, statements)),
    plan: async ({ vehicles, countCap, signal }) => {
      const { reader } = settings();
      const planned = await asking({ server, signal }, (access) =>
        planVehicles(access, vehicles, { countCap, reader }),
      );
      if (planned.session === null) return planOf(planned);
      session.note(planned.session);
      const overridden = characterSetWarning(server, reader, planned.session);
      return planOf({ ...planned, warnings: [...planned.warnings, ...overridden] });
    },
    ...dumping(parts, prepare),
    transfer: async ({ manifest, localFile, onProgress, ...session }) => {
      const { transferMethod: method, stallBytesPerSecond, stallMs, minFreeBytes } = settings();
      const limits = { stallBytesPerSecond, stallMs, minFreeBytes };
      await parts.transfers.hold(session, (signal) =>
        transferFile({
          ...session,
          ...limits,
          buffers: slotBuffers(settings()),
          pool,
          target: parts.target,
          manifest,
          localFile,
          method,
          onProgress,
          signal,
          rates,
          onLine: line?.heard,
        }),
      );
    },
    removeFile: async (manifest, signal) => {
      const { dir, files } = filesOf(manifest);
      await pool.withSession((shell) => removeRemoteFile(shell, { server, dir, files }, signal), {
        signal,
      });
    },
    removeFiles: (dir, signal) =>
      pool.withSession((shell) => removeRemoteDir(shell, { server, dir }, signal), { signal }),
    listFiles: (signal) => pool.withSession((shell) => listRemoteDirs(shell, server, signal), { signal }),
  };
}

/** Both ways of dumping begin when the host's rates allow it. */
function dumping(
  { pool, settings, transfers, rates, onLoad }: LegacyHostParts,
  prepare: ReturnType<typeof preparing>,
): Pick<LegacyHost, 'exportToFile' | 'streamDump'> {
  return {
    exportToFile: async (options) => {
      const { found, compressors, request } = await prepare(options);
      const { rangeRows, onProgress, newRows } = options;
      await rates?.dump(Math.min(newRows ?? Infinity, rangeRows ?? newRows ?? 0), options);
      const whole = { ...request, compressors, rangeRows, onProgress, onLoad };
      return pool.withSession((shell) => exportToFile(shell, found, whole), options);
    },
    streamDump: async ({ newRows, onReceived, ...options }) => {
      const { found, compressors, request } = await prepare(options);
      const compressor = newRows <= compressors.smallUpTo ? compressors.small : compressors.large;
      const rest = {
        ...request,
        compressor,
        maxBytes: slotBuffers(settings()).atOnceBytes,
        onReceived,
        onLoad,
        pace: rates?.bytes,
      };
      await rates?.dump(newRows, options);
      return transfers.hold(options, (signal) =>
        pool.withSession((shell) => streamDump(shell, found, { ...rest, signal }), { ...options, signal }),
      );
    },
  };
}

/** What both ways of exporting need. */
function preparing(
  { server, settings, readPassword, readable, line, lastLoad }: LegacyHostParts & { lastLoad: () => HostLoad | null },
  tools: LegacyHost['tools'],
  session: SessionMemory,
) {
  return async ({
    vehicle,
    runId,
    cursor,
    frozenTo,
    overlapIds,
    only,
    final,
    signal,
    ...table
  }: Omit<ExportOptions, 'rangeRows'>) => {
    const [found, password] = await Promise.all([tools(signal), readPassword()]);
    const { compression, niceness, exportTimeoutMs, minFreeBytes, reader: wanted } = settings();
    const memoryBytes = hostProgramBytes(settings());
    const described = { engine: table.engine ?? null, columns: table.tableColumns };
    const reader = readerFor(server, { wanted, described, session: await session.known(signal) });
    const bytesPerSecond = (await line?.known()) ?? null;
    const loadPerCore = lastLoad()?.loadPerCore ?? null;
    const choice = { wanted: compression, readable, bytesPerSecond, loadPerCore, serverId: server.id };
    const compressors = chooseCompressors(found, choice);
    const dir = { vehicleId: vehicle.id, runId };
    assertRemoteDir(dir);
    const range = { cursor, frozenToId: frozenTo, overlapIds: overlapIds ?? overlapOf(server.columns, settings()) };
    const limits = { niceness, minFreeBytes, memoryBytes, timeoutMs: exportTimeoutMs };
    return {
      found,
      compressors,
      request: { server, vehicle, only, final, reader, password, dir, signal, ...range, ...limits },
    };
  };
}

type Asking = <T>(
  as: Pick<MysqlAccess, 'server' | 'signal' | 'niceness'>,
  work: (access: MysqlAccess) => Promise<T>,
) => Promise<T>;

/** MySQL, in a session of ours. */
function mysqlSessions({ pool, readPassword }: LegacyHostParts, tools: LegacyHost['tools']): Asking {
  return async ({ server, signal, niceness }, work) => {
    const [found, password] = await Promise.all([tools(signal), readPassword()]);
    return pool.withSession((shell) => work({ shell, server, tools: found, password, signal, niceness }), { signal });
  };
}

interface SessionMemory {
  /** What was last heard, if that is not long ago; else the server is asked. */
  known(signal?: AbortSignal): Promise<MysqlSession>;
  /** Keeps what another session of ours has heard. */
  note(session: MysqlSession): void;
}

/** SET GLOBAL init_connect changes what a server does to new sessions, so what is known of it is asked anew after this long. */
const SESSION_KNOWN_MS = 60_000;

/** What the server says of itself at the beginning of a session. */
function sessionMemory(server: LegacyServer, asking: Asking): SessionMemory {
  let heard: { session: MysqlSession; at: number } | null = null;
  const note = (session: MysqlSession): void => {
    heard = { session, at: Date.now() };
  };
  return {
    note,
    async known(signal) {
      if (heard !== null && Date.now() - heard.at < SESSION_KNOWN_MS) return heard.session;
      const { session } = await asking({ server, signal }, (access) => runStatements(access, [END]));
      note(session);
      return session;
    },
  };
}

/** The dump and its manifest, and the directory that they are in. */
function filesOf({ file: path, watermark }: ExportManifest): { dir: RemoteDir; files: string[] } {
  const [file = '', runId = '', vehicleId = ''] = path.split('/').reverse();
  if (!isRemoteDir({ vehicleId, runId })) throw new TypeError(`Not a file of ours: ${path}`);
  return { dir: { vehicleId, runId }, files: [basename(file), `${watermark}.manifest`] };
}

/** Looks for the host's tools once per process; after a failure it looks again. */
function probeOnce(pool: SshPool, server: LegacyServer): (signal?: AbortSignal) => Promise<HostTools> {
  let known: HostTools | null = null;
  return async (signal) => {
    known ??= await pool.withSession((shell) => probeHost(shell, server, signal), { signal });
    return known;
  };
}

function planOf({ tables, spans, vehicles, warnings }: Awaited<ReturnType<typeof planVehicles>>): LegacyPlan {
  return {
    tables: [...tables].map(([table, { columns, engine }]) => ({ table, columns, engine })),
    spans,
    vehicles: vehicles.map((vehicle) =>
      'failure' in vehicle
        ? { vehicleId: vehicle.vehicleId, failure: { code: vehicle.failure.code, message: vehicle.failure.message } }
        : vehicle,
    ),
    warnings,
  };
}
