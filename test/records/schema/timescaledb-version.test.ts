import { expect, test } from '@jest/globals';
import type { Queryable } from '../../../src/connections/postgres.ts';
import { refuseOldTimescale } from '../../../src/records/schema/timescaledb-version.ts';

/** Stands in for PostgreSQL: a TimescaleDB of a chosen version cannot be had here. */
const having = (...versions: string[]): Queryable =>
  ({ query: async () => ({ rows: versions.map((version) => ({ version })) }) }) as unknown as Queryable;

test.each(['2.18.0', '2.9.3', '1.7.5', '2.18.0-dev', '2'])('TimescaleDB %s is refused', async (version) => {
  await expect(refuseOldTimescale(having(version))).rejects.toMatchObject({
    code: 'InvalidConfiguration',
    message: expect.stringMatching(new RegExp(`TimescaleDB ${version.replaceAll('.', '\\.')}, .*2\\.18\\.1 or later`)),
  });
});

test.each(['2.18.1', '2.18.2-dev', '2.28.4', '3.0'])('TimescaleDB %s is taken', async (version) => {
  await refuseOldTimescale(having(version));
});

test('a database without it is taken', () => refuseOldTimescale(having()));
