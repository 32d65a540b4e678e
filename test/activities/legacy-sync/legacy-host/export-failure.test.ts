import { expect, test } from '@jest/globals';
import { exportFailure } from '../../../../src/activities/legacy-sync/legacy-host/export-failure.ts';
import { aServer } from '../../../support/fleet-fixture.ts';
import { parseLegacyServer } from '../../../../src/records/legacy-servers.ts';
import { vehicle } from './legacy-host-fixture.ts';

const request = {
  server: parseLegacyServer(aServer('depot')),
  vehicle: vehicle(7),
  cursor: '100',
  timeoutMs: 60_000,
  minFreeBytes: 0,
  memoryBytes: 128 * 1024 * 1024,
  password: 'canary-(secret)',
};
const failureOf = (stderr: string, ...words: string[]) =>
  exportFailure(request, { code: 10, stdout: '', stderr }, words);

// Texts that people reported of these versions.
test.each([
  [
    '5.7.41',
    "mysqldump: Couldn't execute 'FLUSH TABLES': Access denied; you need (at least one of) the RELOAD privilege(s) for this operation (1227)",
  ],
  [
    '8.0.32',
    "mysqldump: Couldn't execute 'FLUSH TABLES': Access denied; you need (at least one of) the RELOAD or FLUSH_TABLES privilege(s) for this operation (1227)",
  ],
])('mysqldump %s without RELOAD: says so, and what needs SELECT alone', (_, stderr) => {
  expect(failureOf(`${stderr}\nfail dump 2 0 -\n`, 'dump', '2', '0', '-')).toMatchObject({
    code: 'LegacyDatabaseAccessDenied',
    message: expect.stringMatching(/no privilege.*GRANT RELOAD.*export\.reader to select/),
  });
});

test('TLS that cannot be agreed on is named, with the setting for it', () => {
  const stderr = 'mariadb-dump: Got error: 2026: "TLS/SSL error: SSL is required, but the server does not support it"';
  expect(failureOf(stderr, 'dump', '2', '0', '-').message).toMatch(/MySQL error 2026\..*TLS.*mysqlTls/);
});

test('a failure that nothing explains has the last lines of stderr, and no password in them', () => {
  const stderr = 'one\ntwo\nWarning: \u001B[1mold\nmysqldump: canary-(secret) is no option\n\nfail dump 7 0 -\n';
  const { code, message } = failureOf(stderr, 'dump', '7', '0', '-');
  expect(code).toBe('ExportFailed');
  expect(message).toContain('ended with 7');
  expect(message).toContain('It said: two | Warning:  [1mold | mysqldump: *** is no option.');
  expect(failureOf('', 'dump', '7', '0', '-').message).not.toContain('It said');
  expect(failureOf('x'.repeat(9_000), 'counts').message.length).toBeLessThan(900);
});
