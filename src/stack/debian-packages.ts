import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withHostLock } from './host-lock.ts';
import { findOnPath, lastLines, runCommand } from './run-command.ts';

const MARK = '# Written by fleetgraph while it installs packages; safe to delete.';
const POLICY = '/usr/sbin/policy-rc.d';
const NO_CLUSTER = '/etc/postgresql-common/createcluster.d/fleetgraph.conf';
const UNITS = ['postgresql', 'ssh'];
const SOCKETS = ['ssh.socket'];

const APT_ENVIRONMENT = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
// Another apt (unattended upgrades on a fresh machine) may hold the lock for a while.
const APT_OPTIONS = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=180'];

// The servers are wanted, not their services: nothing is started, no cluster is made, nothing is enabled for boot.
export async function installPackages(packages: string[], report: (line: string) => void): Promise<void> {
  const wait = () => report('waiting for another fleetgraph process that installs packages');
  await withHostLock('packages', wait, async () => {
    report(`installing ${packages.join(' ')} (apt-get, without starting or enabling services)`);
    const cleanUp = holdServicesBack(packages);
    const unitsBefore = UNITS.filter(hasService);
    try {
      await install(packages);
    } finally {
      cleanUp();
      await disable(UNITS.filter((unit) => !unitsBefore.includes(unit) && hasService(unit)));
    }
  });
}

// Debian's hook against service starts. One that is there already belongs to the machine (containers ship it) and
// stays; ours carries a mark, so that one left by a killed run is replaced.
function holdServicesBack(packages: string[]): () => void {
  const ours: string[] = [];
  const place = (file: string, content: string, mode: number) => {
    if (existsSync(file) && !readFileSync(file, 'utf8').includes(MARK)) return;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content, { mode });
    ours.push(file);
  };
  place(POLICY, `#!/bin/sh\n${MARK}\nexit 101\n`, 0o755);
  if (packages.includes('postgresql')) place(NO_CLUSTER, `${MARK}\ncreate_main_cluster = false\n`, 0o644);
  return () => {
    for (const file of ours) rmSync(file, { force: true });
  };
}

async function install(packages: string[]): Promise<void> {
  const command = ['install', ...APT_OPTIONS, ...packages];
  let result = await runCommand('apt-get', command, { env: APT_ENVIRONMENT });
  if (result.exitCode !== 0) {
    // The package lists of a fresh container are empty, those of an old one point at files that are gone.
    await runCommand('apt-get', ['update', '-q'], { env: APT_ENVIRONMENT });
    result = await runCommand('apt-get', command, { env: APT_ENVIRONMENT });
  }
  if (result.exitCode !== 0) {
    throw new Error(
      `Cannot install ${packages.join(' ')}: apt-get ended with code ${result.exitCode}.\n` +
        `${lastLines(`${result.stdout}\n${result.stderr}`)}\n` +
        `Install them by hand: apt-get install ${packages.join(' ')}`,
    );
  }
}

function hasService(unit: string): boolean {
  return ['/lib/systemd/system', '/usr/lib/systemd/system', '/etc/init.d']
    .flatMap((dir) => [path.join(dir, unit), path.join(dir, `${unit}.service`)])
    .some((file) => existsSync(file));
}

// The packages enable their services for the next boot whatever the policy says. Machines without systemd have no
// such tools, and no boot either.
async function disable(units: string[]): Promise<void> {
  if (units.length === 0) return;
  const systemctl = findOnPath('systemctl');
  const sockets = SOCKETS.filter((socket) => units.includes(socket.replace('.socket', '')) && hasSocket(socket));
  for (const unit of units) {
    if (findOnPath('update-rc.d') !== null) await runCommand('update-rc.d', [unit, 'disable']);
  }
  if (systemctl !== null)
    await runCommand(systemctl, ['disable', ...units.map((unit) => `${unit}.service`), ...sockets]);
}

function hasSocket(socket: string): boolean {
  return existsSync(path.join('/lib/systemd/system', socket));
}
