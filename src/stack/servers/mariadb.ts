import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { makeDataFolderOnce } from '../data-folder.ts';
import { lastLines, runCommand } from '../run-command.ts';
import { giveTo, runAsAccount, type ServerAccount } from '../server-account.ts';
import { PROBE_TIMEOUT_MS, type ServerSpec } from '../server-spec.ts';
import { createServerDir } from '../state-dir.ts';

export interface MariadbOptions {
  dir: string;
  account: ServerAccount;
  binaries: { server: string; install: string; client: string; timeZones: string };
  extraArguments: string[];
}

export function mariadbServer({ dir, account, binaries, extraArguments }: MariadbOptions): ServerSpec {
  const dataDir = path.join(dir, 'data');
  const pidFile = path.join(dir, 'pid');
  const temporaryDir = path.join(dir, 'tmp');
  return {
    name: 'mariadb',
    title: 'MariaDB',
    dir,
    account,
    stopSignal: 'SIGTERM',
    busyText: /Bind on TCP\/IP port\. Got error: 98/,
    prepare: async () => {
      createServerDir(temporaryDir, account);
      await makeDataFolderOnce(dataDir, account, (draft) => install(draft, { dir, account, binaries }));
    },
    beforeStart: async () => rmSync(pidFile, { force: true }),
    command: async (port) => [
      binaries.server,
      '--no-defaults',
      `--datadir=${dataDir}`,
      // No socket, because its path may have at most 107 characters.
      '--socket=',
      `--pid-file=${pidFile}`,
      `--tmpdir=${temporaryDir}`,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--skip-log-bin',
      // --no-defaults also drops the distribution's utf8mb4; the default would be latin1.
      '--character-set-server=utf8mb4',
      '--collation-server=utf8mb4_general_ci',
      '--innodb-buffer-pool-size=32M',
      '--innodb-log-file-size=8M',
      // Writes at each commit and flushes to disk once a second: a killed server loses nothing.
      '--innodb-flush-log-at-trx-commit=2',
      ...extraArguments,
    ],
    ready: (port, pid) => ready({ pidFile, port, pid, client: binaries.client }),
  };
}

async function install(
  dataDir: string,
  { dir, account, binaries }: Omit<MariadbOptions, 'extraArguments'>,
): Promise<void> {
  const zones = path.join(dir, 'time-zones.sql');
  writeFileSync(zones, `use mysql;\n${await timeZoneTables(binaries.timeZones)}`);
  giveTo(account, zones);
  await runAsAccount(
    account,
    [
      binaries.install,
      '--no-defaults',
      `--datadir=${dataDir}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
      '--skip-name-resolve',
      // The data folder takes 26 MB instead of 114.
      '--innodb-log-file-size=8M',
      `--extra-file=${zones}`,
    ],
    {
      what: `initialise MariaDB in ${dataDir}`,
      cwd: dir,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', TMPDIR: dir },
    },
  );
}

// Without these tables convert_tz() answers NULL, and tests could not use a legacy host's local times. The tool
// complains about every file that is no time zone, so only an empty result counts as an error.
async function timeZoneTables(tool: string): Promise<string> {
  const source = '/usr/share/zoneinfo';
  if (!existsSync(path.join(source, 'Europe', 'Paris'))) {
    throw new Error(
      `Cannot fill MariaDB's time zones: ${source} is missing or incomplete. Install the package tzdata.`,
    );
  }
  const { stdout, stderr } = await runCommand(tool, [source]);
  if (stdout === '') throw new Error(`Cannot fill MariaDB's time zones from ${source}: ${lastLines(stderr)}`);
  return stdout;
}

async function ready(server: { pidFile: string; port: number; pid: number; client: string }): Promise<void> {
  const found = readFileSync(server.pidFile, 'utf8').trim();
  if (found !== String(server.pid)) throw new Error(`${server.pidFile} names process ${found}`);
  const args = [
    '--no-defaults',
    '--protocol=tcp',
    '-h',
    '127.0.0.1',
    '-P',
    String(server.port),
    '-u',
    'root',
    '-e',
    'select 1',
  ];
  const result = await runCommand(server.client, args, { timeoutMs: PROBE_TIMEOUT_MS });
  if (result.exitCode !== 0) throw new Error(result.stderr.trim());
}
