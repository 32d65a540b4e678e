import { expect, test } from '@jest/globals';
import { mysqlCommand } from '../../../../src/activities/legacy-sync/legacy-host/mysql-command.ts';
import { parseLegacyServer } from '../../../../src/records/legacy-servers.ts';
import { aServer } from '../../../support/fleet-fixture.ts';

const sslFlags = (mysqlTls: string | null, flavour: 'mariadb' | 'mysql') =>
  mysqlCommand({
    program: 'dump',
    tools: { client: 'mysql', dump: 'mysqldump', flavour },
    server: parseLegacyServer(aServer('depot', { mysqlTls })),
    args: [],
  })
    .match(/--ssl[^' ]*/g)
    ?.join(' ') ?? '';

test.each([
  [null, '', ''],
  ['off', '--ssl-mode=DISABLED', '--ssl=0'],
  ['required', '--ssl-mode=REQUIRED', '--ssl=1 --ssl-verify-server-cert=0'],
  [
    'ca:/etc/mysql/ca.pem',
    '--ssl-mode=VERIFY_CA --ssl-ca=/etc/mysql/ca.pem',
    '--ssl=1 --ssl-ca=/etc/mysql/ca.pem --ssl-verify-server-cert=1',
  ],
])('mysqlTls %s is %s for MySQL’s tools and %s for MariaDB’s', (mysqlTls, mysql, mariadb) => {
  expect([sslFlags(mysqlTls, 'mysql'), sslFlags(mysqlTls, 'mariadb')]).toEqual([mysql, mariadb]);
});

test.each(['on', 'ca:relative.pem', "ca:/etc/a'; rm -rf /", 'ca:'])('mysqlTls %s is refused', (mysqlTls) => {
  expect(() => parseLegacyServer(aServer('depot', { mysqlTls }))).toThrow(/mysqlTls/);
});
