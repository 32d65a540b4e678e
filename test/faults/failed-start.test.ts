import { expect, test } from '@jest/globals';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { runCli } from '../support/fleet-worker.ts';
import { withFleet } from '../support/fleet.ts';

// Whoever starts a worker again and again (a container's restart, systemd) does so when its process ends.

const NOBODY = '127.0.0.1:1';

test.each([
  ['PostgreSQL', { FLEETGRAPH_POSTGRES_URL: `postgresql://nobody@${NOBODY}/none` }, 'DatabaseUnavailable'],
  ['Temporal', { TEMPORAL_ADDRESS: NOBODY }, 'TemporalUnavailable'],
])('a worker that cannot start without %s ends and says so', (_, env, code) =>
  withFleet({}, async (fleet) => {
    const { status, stderr } = await runCli({ ...fleet.environment, ...env }, ['worker']);
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(code) });
  }),
);

test('a worker that PostgreSQL has accepted and does not answer ends and says so', () =>
  withFleet({}, async (fleet) => {
    const link = await startFaultProxy(fleet.stack.postgres);
    link.set({ kind: 'blackhole' });
    const url = new URL(fleet.environment['FLEETGRAPH_POSTGRES_URL']!);
    url.port = String(link.port);
    const ended = await runCli({ ...fleet.environment, FLEETGRAPH_POSTGRES_URL: url.href }, ['worker']);
    await link.close();
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining('DatabaseUnavailable') });
  }));
