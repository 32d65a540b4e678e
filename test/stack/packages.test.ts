import { expect, test } from '@jest/globals';
import { ensurePackages, type Machine } from '../../src/stack/packages.ts';

const ALL = ['postgres', 'mariadb', 'sshd', 'redis', 'temporal'] as const;
const report = () => {};

function machine(overrides: Partial<Machine> & { programs?: string[] }): Machine & { installed: string[][] } {
  const installed: string[][] = [];
  return {
    installed,
    isRoot: true,
    isDebianLike: true,
    has: ({ debianPackage }) =>
      overrides.programs?.includes(debianPackage) === true || installed.flat().includes(debianPackage),
    install: async (packages) => void installed.push(packages),
    ...overrides,
  };
}

test('one error names every missing program, its package and the command', async () => {
  const bare = machine({ isRoot: false, programs: ['util-linux', 'tzdata', 'openssh-client'] });
  const expected = [
    'Cannot start the private servers: these programs are missing, and only root can install them.',
    '  postgres and initdb (Debian/Ubuntu package postgresql)',
    '  mariadbd (Debian/Ubuntu package mariadb-server-core)',
    '  mariadb-install-db (Debian/Ubuntu package mariadb-server-core)',
    '  mariadb (Debian/Ubuntu package mariadb-client)',
    '  mariadb-dump (Debian/Ubuntu package mariadb-client)',
    '  mariadb-tzinfo-to-sql (Debian/Ubuntu package mariadb-client)',
    '  sshd (Debian/Ubuntu package openssh-server)',
    '  redis-server (Debian/Ubuntu package redis-tools)',
    'Install them:  sudo apt-get install --no-install-recommends postgresql mariadb-server-core mariadb-client openssh-server redis-tools',
    'or start Docker: the same servers then come from docker-compose.yml.',
  ].join('\n');
  await expect(ensurePackages([...ALL], report, bare)).rejects.toThrow(new Error(expected));
});

test('root on Debian gets exactly the missing packages of the servers that were asked for', async () => {
  const fresh = machine({ programs: ['util-linux'] });
  await ensurePackages(['redis', 'sshd'], report, fresh);
  expect(fresh.installed).toEqual([['openssh-server', 'openssh-client', 'redis-tools']]);
});

test('nothing is installed where everything is there', async () => {
  const complete = machine({ isRoot: false, has: () => true });
  await ensurePackages([...ALL], report, complete);
  expect(complete.installed).toEqual([]);
});

test('root on another distribution and an installation that brought nothing are said', async () => {
  await expect(ensurePackages(['redis'], report, machine({ isDebianLike: false }))).rejects.toThrow(
    'this command can install them on Debian and Ubuntu only',
  );
  await expect(ensurePackages(['redis'], report, machine({ has: () => false }))).rejects.toThrow(
    'the installation did not bring them',
  );
});
