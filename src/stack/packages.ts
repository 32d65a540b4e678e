import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { installPackages } from './debian-packages.ts';
import { findOnPath, isExecutable } from './run-command.ts';
import type { ServerName } from './server-spec.ts';

interface Requirement {
  server: ServerName | 'all';
  program: string;
  debianPackage: string;
  find: () => string | null;
}

/** What the missing packages depend on; tests pass machines of their own. */
export interface Machine {
  isRoot: boolean;
  isDebianLike: boolean;
  has(requirement: Requirement): boolean;
  install(packages: string[], report: (line: string) => void): Promise<void>;
}

const programOnPath = (server: Requirement['server'], program: string, debianPackage: string): Requirement => ({
  server,
  program,
  debianPackage,
  find: () => findOnPath(program),
});

// mariadb-server-core and redis-tools contain the server without the service that the usual packages start.
const REQUIREMENTS: Requirement[] = [
  programOnPath('all', 'setpriv', 'util-linux'),
  { server: 'postgres', program: 'postgres and initdb', debianPackage: 'postgresql', find: () => findPostgresBinDir() },
  programOnPath('mariadb', 'mariadbd', 'mariadb-server-core'),
  programOnPath('mariadb', 'mariadb-install-db', 'mariadb-server-core'),
  programOnPath('mariadb', 'mariadb', 'mariadb-client'),
  programOnPath('mariadb', 'mariadb-dump', 'mariadb-client'),
  programOnPath('mariadb', 'mariadb-tzinfo-to-sql', 'mariadb-client'),
  {
    server: 'mariadb',
    program: 'the time zone files',
    debianPackage: 'tzdata',
    find: () => (isReadable('/usr/share/zoneinfo/Europe/Paris') ? '/usr/share/zoneinfo' : null),
  },
  programOnPath('sshd', 'sshd', 'openssh-server'),
  programOnPath('sshd', 'ssh-keygen', 'openssh-client'),
  {
    server: 'redis',
    program: 'redis-server',
    debianPackage: 'redis-tools',
    find: () => findOnPath('redis-server') ?? findOnPath('redis-check-rdb'),
  },
];

function isReadable(file: string): boolean {
  try {
    return readFileSync(file).length > 0;
  } catch {
    return false;
  }
}

// Debian keeps PostgreSQL's server programs off the PATH, in a folder per version. The version that wrote the data
// folder comes first, because no other version can read it.
export function findPostgresBinDir(dataVersion?: string): string | null {
  const root = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Without this folder the system is not Debian, and the PATH decides.
  }
  const preferred = versions.filter((version) => version === dataVersion);
  const onPath = findOnPath('postgres');
  return (
    [...preferred, ...versions]
      .map((version) => path.join(root, version, 'bin'))
      .concat(onPath === null ? [] : [path.dirname(onPath)])
      .find((dir) => isExecutable(path.join(dir, 'postgres')) && isExecutable(path.join(dir, 'initdb'))) ?? null
  );
}

function missing(servers: ServerName[], machine: Machine): Requirement[] {
  return REQUIREMENTS.filter(
    (requirement) =>
      (requirement.server === 'all' || servers.includes(requirement.server)) && !machine.has(requirement),
  );
}

function packagesOf(requirements: Requirement[]): string[] {
  return [...new Set(requirements.map(({ debianPackage }) => debianPackage))];
}

function missingPackagesError(requirements: Requirement[], why: string): Error {
  const lines = [
    `Cannot start the private servers: these programs are missing, and ${why}.`,
    ...requirements.map(({ program, debianPackage }) => `  ${program} (Debian/Ubuntu package ${debianPackage})`),
    `Install them:  sudo apt-get install --no-install-recommends ${packagesOf(requirements).join(' ')}`,
    'or start Docker: the same servers then come from docker-compose.yml.',
  ];
  return new Error(lines.join('\n'));
}

function isDebianLike(): boolean {
  try {
    return (
      /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8')) && findOnPath('apt-get') !== null
    );
  } catch {
    return false;
  }
}

const thisMachine: Machine = {
  isRoot: os.userInfo().uid === 0,
  isDebianLike: isDebianLike(),
  has: ({ find }) => find() !== null,
  install: installPackages,
};

export async function ensurePackages(
  servers: ServerName[],
  report: (line: string) => void,
  machine = thisMachine,
): Promise<void> {
  const before = missing(servers, machine);
  if (before.length === 0) return;
  if (!machine.isRoot) throw missingPackagesError(before, 'only root can install them');
  if (!machine.isDebianLike)
    throw missingPackagesError(before, 'this command can install them on Debian and Ubuntu only');
  await machine.install(packagesOf(before), report);
  const after = missing(servers, machine);
  if (after.length > 0) throw missingPackagesError(after, 'the installation did not bring them');
}

function required(program: string): string {
  const found = findOnPath(program);
  if (found === null) throw new Error(`Cannot find ${program}, although its package is installed.`);
  return found;
}

// Looked up when they are needed: a stack of few servers must not fail for want of another server's program.
export const binaries = {
  mariadb: () => ({
    server: required('mariadbd'),
    install: required('mariadb-install-db'),
    client: required('mariadb'),
    timeZones: required('mariadb-tzinfo-to-sql'),
  }),
  sshd: () => ({ server: required('sshd'), keygen: required('ssh-keygen') }),
  redis: () => findOnPath('redis-server') ?? required('redis-check-rdb'),
};
