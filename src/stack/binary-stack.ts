import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { HostLock } from './host-lock.ts';
import { binaries, ensurePackages, findPostgresBinDir } from './packages.ts';
import { readRunRecords } from './run-record.ts';
import { findOnPath } from './run-command.ts';
import { type ServerAccount, serverAccount } from './server-account.ts';
import { ServerProcess } from './server-process.ts';
import type { ServerName, ServerSpec } from './server-spec.ts';
import { mariadbServer } from './servers/mariadb.ts';
import { postgresServer } from './servers/postgres.ts';
import { redisServer } from './servers/redis.ts';
import { clientKeyFile, hostKeyFingerprint, sshdServer } from './servers/sshd.ts';
import { checkTemporal, temporalServer } from './servers/temporal.ts';
import { stackOf, type StackParts } from './stack-addresses.ts';
import type { Stack, StackOptions } from './running-stack.ts';
import { createServerDir, createStateDir, removeStateDir, wipeStateDir } from './state-dir.ts';
import { lockStateDir } from './state-lock.ts';
import { sweepSurvivors } from './sweep.ts';
import { findTemporal, reachableBy } from './temporal-binary.ts';

const ALL: ServerName[] = ['postgres', 'mariadb', 'sshd', 'redis', 'temporal'];

interface Launch {
  options: StackOptions;
  stateDir: string;
  keepData: boolean;
  servers: ServerName[];
  account: ServerAccount;
  report: (line: string) => void;
}

export async function startFromBinaries(options: StackOptions): Promise<Stack> {
  const report = options.onProgress ?? (() => {});
  if (process.platform !== 'linux') {
    throw new Error(
      'Cannot start the private servers from binaries: that needs Linux (setpriv, /proc). ' +
        'Start Docker: the same servers then come from docker-compose.yml.',
    );
  }
  const stateDir = path.resolve(options.stateDir);
  const foreignTemporal = options.ownTemporal === true ? '' : (process.env['TEMPORAL_ADDRESS'] ?? '');
  const asked = options.servers ?? ALL;
  const servers = asked.filter((name) => name !== 'temporal' || foreignTemporal === '');
  const keepData = options.keepData ?? options.durable ?? false;
  createStateDir(stateDir);
  const lock = await lockStateDir(stateDir);
  try {
    await ensurePackages(servers, report);
    const launch: Launch = { options, stateDir, keepData, servers, account: await serverAccount(), report };
    await clearEarlierRun(launch);
    if (asked.includes('temporal') && foreignTemporal !== '') await checkForeignTemporal(foreignTemporal);
    return await startAll(launch, lock, foreignTemporal);
  } catch (error) {
    if (!keepData) removeStateDir(stateDir);
    await lock.release();
    throw error;
  }
}

async function clearEarlierRun({ stateDir, keepData, report }: Launch): Promise<void> {
  const swept = await sweepSurvivors(
    stateDir,
    ALL.map((name) => path.join(stateDir, name)),
  );
  if (swept > 0) report(`ended ${swept} processes that a killed run had left`);
  if (!keepData) wipeStateDir(stateDir);
}

async function checkForeignTemporal(address: string): Promise<void> {
  try {
    await checkTemporal(address);
  } catch (error) {
    throw new Error(
      `Cannot use the Temporal server that TEMPORAL_ADDRESS names (${address}): ` +
        `${error instanceof Error ? error.message : error}. Start it, or unset TEMPORAL_ADDRESS to get a private one.`,
      { cause: error },
    );
  }
}

async function startAll(launch: Launch, lock: HostLock, foreignTemporal: string): Promise<Stack> {
  const { stateDir, servers, report, account } = launch;
  const lastPorts = new Map(readRunRecords(stateDir).map(({ name, port }) => [name, port]));
  const handles = new Map<ServerName, ServerProcess>();
  const temporal = {
    address: foreignTemporal,
    uiUrl: () => process.env['TEMPORAL_UI_URL'] ?? '',
    binary: findOnPath('temporal', []) ?? '',
  };
  const startOne = async (name: ServerName) => {
    const spec = name === 'temporal' ? await temporalSpec(launch, temporal) : await specOf(name, launch);
    const server = new ServerProcess(spec, stateDir, report);
    handles.set(name, server);
    await spec.prepare();
    await server.start(lastPorts.get(name));
  };
  const stopAll = async () => {
    const results = await Promise.allSettled([...handles.values()].map((server) => server.stop()));
    throwFirst(results);
  };
  const started = await Promise.allSettled(servers.map(startOne));
  if (started.some(({ status }) => status === 'rejected')) await stopAll().catch(() => {});
  throwFirst(started);
  const sshdDir = path.join(stateDir, 'sshd');
  const ssh = servers.includes('sshd')
    ? {
        user: account.name,
        privateKeyFile: clientKeyFile(sshdDir),
        hostKeyFingerprint: hostKeyFingerprint(sshdDir),
        dumpDirectory: path.join(sshdDir, 'dumps'),
      }
    : null;
  return stackOf({ stateDir, handles: new Map(handles), ssh, temporal, ...endings(launch, lock, stopAll) });
}

function throwFirst(results: PromiseSettledResult<unknown>[]): void {
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

// Both may be called twice: by a test's clean-up and by a signal handler.
function endings(
  { stateDir, keepData }: Launch,
  lock: HostLock,
  stopAll: () => Promise<void>,
): Pick<StackParts, 'stop' | 'destroy'> {
  let ending: Promise<void> | undefined;
  const end = async (remove: boolean) => {
    await stopAll();
    if (remove) removeStateDir(stateDir);
    await lock.release();
  };
  return {
    stop: () => (ending ??= end(!keepData)),
    destroy: async () => {
      if (ending !== undefined) await ending;
      await (ending ??= end(true));
      removeStateDir(stateDir);
    },
  };
}

async function specOf(name: Exclude<ServerName, 'temporal'>, launch: Launch): Promise<ServerSpec> {
  const { options, stateDir, account } = launch;
  const dir = createServerDir(path.join(stateDir, name), account);
  switch (name) {
    case 'postgres': {
      const binDir = findPostgresBinDir(dataVersion(dir));
      if (binDir === null) throw new Error('Cannot find PostgreSQL, although its package is installed.');
      const settings = { synchronous_commit: 'off', ...options.postgresSettings };
      return postgresServer({ dir, account, binDir, settings });
    }
    case 'mariadb':
      return mariadbServer({
        dir,
        account,
        binaries: binaries.mariadb(),
        extraArguments: options.mariadbArguments ?? [],
      });
    case 'sshd':
      // The key belongs to the account that logs in, not to the one that runs sshd.
      createServerDir(path.dirname(clientKeyFile(dir)), { ...account, dropArgs: [] });
      return sshdServer({ dir, account, binaries: binaries.sshd(), extraConfig: options.sshdExtraConfig ?? [] });
    case 'redis':
      return redisServer({ dir, account, binary: binaries.redis(), persistent: options.durable ?? false });
    default:
      throw new Error(`Cannot start "${String(name satisfies never)}": there is no such server.`);
  }
}

function dataVersion(dir: string): string | undefined {
  try {
    return readFileSync(path.join(dir, 'data', 'PG_VERSION'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

async function temporalSpec(
  { options, stateDir, account, report }: Launch,
  temporal: { uiUrl: () => string; binary: string },
): Promise<ServerSpec> {
  const found = await findTemporal(report);
  const dir = createServerDir(path.join(stateDir, 'temporal'), account);
  const server = temporalServer({
    dir,
    account,
    binary: reachableBy(account, found, stateDir),
    extraArguments: options.temporalArguments ?? [],
  });
  temporal.binary = found;
  temporal.uiUrl = server.uiUrl;
  return server.spec;
}
