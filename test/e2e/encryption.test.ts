import { randomBytes } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client } from '@temporalio/client';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { EncryptingCodec } from '../../src/connections/payload-codec.ts';
import { parsePayloadKeys } from '../../src/connections/payload-keys.ts';
import { checkoutDir } from '../../src/stack/checkout-dir.ts';
import { type CodecServerProcess, startCodecServer } from '../support/codec-server-process.ts';
import { eventually } from '../support/eventually.ts';
import { type Fleet, openFleet, untilStage } from '../support/fleet.ts';
import type { FaultProxy } from '../support/fault-proxy.ts';
import { expectInvariants } from '../support/invariants.ts';

/**
 * A whole sync with one vehicle that fails, under one key and then under the next one. What Temporal stores is read as its operator
 * reads it: by a `temporal` command without the key.
 */
let fleet: Fleet;
let link: FaultProxy;
let codecServer: CodecServerProcess;
let folder: string;
let keys: { old: string; fresh: string };
let firstRun: string;
let heartbeats = '';

const newKey = (id: string): string => {
  const file = join(folder, `${randomBytes(4).toString('hex')}.key`);
  writeFileSync(file, randomBytes(32).toString('base64'));
  return `${id}=file:${file}`;
};

/** Every history of the namespace as Temporal has it, payloads decoded from base64. */
async function histories(...args: string[]): Promise<string> {
  let text = '';
  for await (const { workflowId, runId } of fleet.client.workflow.list()) {
    const { stdout } = await fleet.temporal('workflow', 'show', '-w', workflowId, '-r', runId, '-o', 'json', ...args);
    text += stdout;
  }
  const payloads = [...text.matchAll(/"(?:data|encryption-[a-z-]+)":\s*"([A-Za-z0-9+/=]+)"/g)].map(([, data]) =>
    Buffer.from(data!, 'base64').toString('latin1'),
  );
  return [text, ...payloads].join('\n');
}
async function start(scope: string, input: string): Promise<string> {
  const command = `workflow start --type fleetSync --task-queue legacy-sync --workflow-id fleet-sync/${scope} --input`;
  const { status, stdout, stderr } = await fleet.temporal(...command.split(' '), input, ...withCodec());
  if (status !== 0) throw new Error(`temporal: ${stderr}`);
  return /RunId\s+(\S+)/.exec(stdout)?.[1] ?? '';
}
const withCodec = (): string[] => ['--codec-endpoint', codecServer.url, '--codec-auth', `Bearer ${codecServer.token}`];

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => {}) });
  fleet = await openFleet({ settings: { 'export.compression': 'none' } });
  folder = join(fleet.stagingDir, '..');
  keys = { old: newKey('2026-05'), fresh: newKey('2026-11') };
  fleet.environment.FLEETGRAPH_PAYLOAD_KEYS = keys.old;
  codecServer = await startCodecServer({ ...fleet.environment, FLEETGRAPH_PAYLOAD_KEYS: `${keys.old},${keys.fresh}` });
  await fleet.addVehicles(2, { rows: 4_000, padding: 500 });
  link = await fleet.linkToHost();
  link.set({ kind: 'rate', bytesPerSecond: 300_000 });
  const worker = await fleet.startWorker();
  firstRun = await start('all', '{"selection":{"kind":"all"},"requestedBy":"Night-Shift"}');
  await start('unknown', '{"selection":{"kind":"list","vehicleIds":["987654321"]}}');
  await untilStage(fleet, firstRun, 'transferring', '1');
  await eventually(
    async () => {
      heartbeats = (await fleet.temporal('workflow', 'describe', '-w', 'vehicle-sync/1', '-o', 'json')).stdout;
      expect(heartbeats).toMatch(/heartbeatDetails/);
    },
    { everyMs: 300 },
  );
  link.set({ kind: 'pass' });
  await fleet.client.workflow
    .getHandle('fleet-sync/all', firstRun)
    .result()
    .catch(() => undefined);
  await expectInvariants(fleet, ['1']);
  await worker.stop();
}, 90_000);
afterAll(async () => {
  await codecServer?.stop();
  await fleet.close();
});

/** A process of ours that has these keys, asking for the result of the first run. */
async function resultWith(list: string): Promise<unknown> {
  const connection = fleet.client.connection;
  const codec = new EncryptingCodec({ keys: parsePayloadKeys(list), strict: false });
  const client = new Client({ connection, namespace: fleet.namespace, dataConverter: { payloadCodecs: [codec] } });
  return client.workflow.getHandle('fleet-sync/all', firstRun).result();
}

describe('Temporal has no clear text', () => {
  test('of arguments, results and failures', async () => {
    const text = await histories();
    for (const shown of ['AES-256-GCM/1', 'Encoded failure', 'InvalidSelection']) {
      expect({ shown, found: text.includes(shown) }).toEqual({ shown, found: true });
    }
    for (const secret of ['Night-Shift', '"selection"', 'bus-1', 'plannedRows', 'sha256', '"watermark"', '987654321']) {
      expect({ secret, found: text.includes(secret) }).toEqual({ secret, found: false });
    }
  });

  test('of heartbeats', () => {
    expect(heartbeats).toMatch(/heartbeatDetails/);
    expect(heartbeats).not.toMatch(/transferring|"percent"|"rows"/);
  });
});

test('with the key it is all there: temporal --codec-endpoint shows clear text', async () => {
  const text = await histories(...withCodec());
  for (const shown of ['Night-Shift', '"label"', 'plannedRows', '987654321']) {
    expect({ shown, found: text.includes(shown) }).toEqual({ shown, found: true });
  }
});

test('search attributes stay readable, and find a vehicle as before', async () => {
  const { stdout } = await fleet.temporal('workflow', 'list', '--query', `VehicleId = '1'`);
  expect(stdout).toMatch(/vehicle-sync\/1/);
});

test('who has not the key, or another one under its id, is told so', async () => {
  await expect(resultWith(keys.old)).resolves.toMatchObject({ completed: 2, rows: 8_000 });
  await expect(resultWith('')).rejects.toMatchObject({ code: 'PayloadKeyMissing' });
  await expect(resultWith(newKey('2026-05'))).rejects.toMatchObject({ code: 'PayloadUnreadable' });
});

test('a key is exchanged: new runs are under the new one, old ones are read as before', async () => {
  fleet.environment.FLEETGRAPH_PAYLOAD_KEYS = `${keys.fresh},${keys.old}`;
  await fleet.addRows('1', 10);
  const worker = await fleet.startWorker();
  expect(await fleet.cli('sync', '--vehicles', '1')).toMatchObject({ status: 0 });
  await expectInvariants(fleet, ['1']);
  await worker.stop();
  const text = await histories();
  expect(['2026-05', '2026-11'].map((id) => text.includes(id))).toEqual([true, true]);
  await expect(resultWith(`${keys.fresh},${keys.old}`)).resolves.toMatchObject({ completed: 2 });
  await expect(resultWith(keys.fresh)).rejects.toMatchObject({ code: 'PayloadKeyMissing' });
});

test('encrypted histories replay, and those that were recorded in the clear do too', async () => {
  const codec = new EncryptingCodec({ keys: parsePayloadKeys(`${keys.fresh},${keys.old}`), strict: false });
  const options = {
    workflowBundle: { codePath: join(checkoutDir(), 'dist/workflow-bundle-encrypted.js') },
    dataConverter: { payloadCodecs: [codec] },
  };
  let replayed = 0;
  for await (const { workflowId, runId } of fleet.client.workflow.list()) {
    const history = await fleet.client.workflow.getHandle(workflowId, runId).fetchHistory();
    await Worker.runReplayHistory(options, history, workflowId);
    replayed += 1;
  }
  expect(replayed).toBeGreaterThanOrEqual(8);
  const folder = join(checkoutDir(), 'test/replay/histories');
  for (const name of readdirSync(folder)) {
    const { workflowId, history } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    await Worker.runReplayHistory(options, history, workflowId);
  }
});
