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

// Installs the servers without their services: it starts nothing, makes no cluster and enables nothing for boot.
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

// Debian's hook against service starts. A hook that is there already belongs to the machine (containers ship one) and
// stays. Our hook carries a mark, so that the next run replaces one that a killed run left.
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
    // A fresh container has no package lists, and the lists of an old one name files that are gone.
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

// The packages enable their services for the next boot in spite of the policy. A machine without systemd has neither
// these tools nor such a boot.
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
