import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DEMO_API_PORTS, demoApiEnvironment } from '../../src/demo/api-process.ts';
import { type ApiProcess, startApiProcess } from '../support/api-process.ts';
import { type Fleet, openFleet } from '../support/fleet.ts';
import { runProgram } from '../support/fleet-worker.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await openFleet();
}, 120_000);
afterAll(() => fleet?.close());

/** Verbatim of the document's section "Troubleshooting". */
const CURL_LINES = {
  worker: 'curl http://localhost:3000/api/v1/workers/graph-builder/status',
  pipeline: 'curl http://localhost:3000/api/v1/workers/pipeline/status',
};

/** Started as the demo starts it: on the port of the document, or on a free one where somebody has that. */
async function startDemoApi(): Promise<ApiProcess> {
  let refused: unknown;
  for (const port of DEMO_API_PORTS) {
    try {
      return await startApiProcess({ ...fleet.environment, ...demoApiEnvironment(port, fleet.stack.temporal.uiUrl) });
    } catch (error) {
      if (!String(error).includes('EADDRINUSE')) throw error;
      refused = error;
    }
  }
  throw refused;
}

test("the document's curl lines run as they are printed, without a key", async () => {
  const api = await startDemoApi();
  try {
    const { port } = new URL(api.url);
    if (port !== '3000') console.log(`port 3000 is taken: the document's curl lines are run with port ${port} instead`);
    const run = async (line: string): Promise<object> => {
      const asPrinted = port === '3000' ? line : line.replace('localhost:3000', `localhost:${port}`);
      const { status, stdout, stderr } = await runProgram('sh', ['-c', asPrinted], fleet.environment);
      expect({ status, stderr }).toMatchObject({ status: 0 });
      return JSON.parse(stdout) as object;
    };
    expect(await run(CURL_LINES.worker)).toMatchObject({ success: true, worker: { workerId: 'graph-builder' } });
    expect(await run(CURL_LINES.pipeline)).toMatchObject({ success: true, pipeline: { isRunning: false } });
  } finally {
    expect(await api.stop()).toBe(0);
  }
});
