/** Temporal's Web UI with encrypted payloads: in the clear by the codec server for who has its token, sealed for everybody else. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test as plainTest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import type { Page } from 'playwright-core';
import { EncryptingCodec } from '../../src/connections/payload-codec.ts';
import { parsePayloadKeys } from '../../src/connections/payload-keys.ts';
import { freePort } from '../../src/stack/ports.ts';
import { type Stack, startStack } from '../../src/stack/stack.ts';
import { stateFolder } from '../support/state-folder.ts';
import { openBrowser } from '../support/browser.ts';
import { type CodecServerProcess, startCodecServer } from '../support/codec-server-process.ts';
import { picture } from '../support/picture.ts';

const found = await openBrowser();
if ('missing' in found) console.log(`the Web UI is not tested: ${found.missing}`);
const test = 'missing' in found ? plainTest.skip : plainTest;
const LOOK = [[1280, 'light']] as const;
const KEY = randomBytes(32).toString('base64');

let stack: Stack;
let codecServer: CodecServerProcess;
let address: string;

beforeAll(async () => {
  if ('missing' in found) return;
  const port = await freePort();
  stack = await startStack({
    stateDir: stateFolder('web-ui'),
    servers: ['temporal'],
    ownTemporal: true,
    temporalArguments: [`--ui-codec-endpoint=http://127.0.0.1:${port}`],
  });
  const environment = { PATH: process.env.PATH ?? '', FLEETGRAPH_PAYLOAD_KEYS: 'k1=env:PAYLOAD_KEY', PAYLOAD_KEY: KEY };
  codecServer = await startCodecServer(environment, { origin: stack.temporal.uiUrl, port });
  address = await startEncrypted();
}, 120_000);

afterAll(async () => {
  if (!('missing' in found)) await found.close();
  await codecServer?.stop();
  await stack?.destroy();
});

/** Starts a fleet sync whose input is encrypted, and says where the Web UI shows it. */
async function startEncrypted(): Promise<string> {
  process.env.TEST_WEB_UI_KEY = KEY;
  const codec = new EncryptingCodec({ keys: parsePayloadKeys('k1=env:TEST_WEB_UI_KEY'), strict: true });
  const connection = await Connection.connect({ address: stack.temporal.address });
  const client = new Client({ connection, dataConverter: { payloadCodecs: [codec] } });
  const { firstExecutionRunId } = await client.workflow.start('fleetSync', {
    workflowId: 'fleet-sync/all',
    taskQueue: 'legacy-sync',
    args: [{ selection: { kind: 'all' }, requestedBy: 'Night-Shift' }],
  });
  await connection.close();
  const path = ['namespaces', 'default', 'workflows', 'fleet-sync/all', firstExecutionRunId, 'history'];
  return `${stack.temporal.uiUrl}/${path.map(encodeURIComponent).join('/')}`;
}

/** The workflow's page in a browser session of its own. */
async function openWorkflow(): Promise<Page> {
  if ('missing' in found) throw new Error(found.missing);
  const context = await found.newContext({ viewport: { width: 1280, height: 1000 } });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(address);
  return page;
}

/** The button with the glasses, whose name says how the endpoint is doing. */
const glasses = (page: Page, says = '') => page.locator(`button[data-testid^="data-encoder-status-${says}"]:visible`);

test('who has not the token is shown what Temporal stores, and that the endpoint refused', async () => {
  const page = await openWorkflow();
  await page.getByText('Data decoding failed - Unauthorized').first().waitFor();
  await page.getByText('encryption-key-id').first().waitFor();
  await glasses(page, 'error').waitFor();
  expect(await page.content()).not.toContain('Night-Shift');
  await picture(page, 'web-ui-sealed', LOOK);
  await page.context().close();
}, 60_000);

test('with the token in the cookie, and credentials switched on, the input is in the clear', async () => {
  const page = await openWorkflow();
  await page.evaluate(`document.cookie = 'codec-token=${codecServer.token}; path=/; SameSite=Strict'`);
  await glasses(page).click();
  const settings = page.getByRole('dialog');
  await settings.getByText(/^Use my browser setting/).click();
  await settings.getByRole('textbox').first().fill(codecServer.url);
  await settings.getByText('Include cross-origin credentials').click();
  await picture(page, 'web-ui-settings', LOOK);
  await settings.getByRole('button', { name: 'Apply' }).click();
  await settings.waitFor({ state: 'hidden' });
  // What was decoded, or not, by the setting before stays on the page.
  await page.reload();
  await page.getByText('Night-Shift').first().waitFor();
  expect(await page.getByText('encryption-key-id').count()).toBe(0);
  await glasses(page, 'success').waitFor();
  await picture(page, 'web-ui-clear', LOOK);

  // The browser remembers the setting, and the token is what opens.
  await page.context().clearCookies();
  await page.reload();
  await page.getByText('encryption-key-id').first().waitFor();
  expect(await page.content()).not.toContain('Night-Shift');
  await page.context().close();
}, 60_000);
