import path from 'node:path';
import { Connection } from '@temporalio/client';
import { freePort } from '../ports.ts';
import { holdsSocket, socketsOnPort } from '../processes.ts';
import type { ServerAccount } from '../server-account.ts';
import { PROBE_TIMEOUT_MS, type ServerSpec } from '../server-spec.ts';
import { createServerDir } from '../state-dir.ts';

export interface TemporalOptions {
  dir: string;
  account: ServerAccount;
  binary: string;
  extraArguments: string[];
}

interface ExtraPorts {
  mainPort: number;
  ui: number;
  http: number;
  metrics: number;
}

const SEARCH_ATTRIBUTES = ['VehicleId=Keyword', 'WorkerSlot=Int', 'FleetRun=Keyword', 'LegacyTable=Keyword'];

// start-dev has one history shard, and a queue reader may poll a shard 20 times a second, so each step of a workflow
// waits up to 50 ms. The raised rates, the short timer shift and eager activities make it 3 to 5 times as fast. The same settings stand,
// with their reasons, in temporal/dynamic-config.yaml.
export const DYNAMIC_CONFIG = [
  'history.transferProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxPollRPS=2000',
  'history.visibilityProcessorMaxPollRPS=2000',
  'history.timerProcessorMaxTimeShift="1ms"',
  'system.enableActivityEagerExecution=true',
  'frontend.keepAliveTime="4s"',
  'frontend.keepAliveTimeout="4s"',
  // An operator's server may offer pausing as a button. What is paused by it has to be reported, so our servers offer it, too.
  'frontend.WorkflowPauseEnabled=true',
  'system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=2',
];

export function temporalServer(options: TemporalOptions): { spec: ServerSpec; uiUrl: () => string } {
  let extra: ExtraPorts | undefined;
  const dataDir = path.join(options.dir, 'data');
  const spec: ServerSpec = {
    name: 'temporal',
    title: 'Temporal',
    dir: options.dir,
    account: options.account,
    stopSignal: 'SIGTERM',
    // It takes ports for its own services as it starts, and panics where another process was quicker.
    busyText:
      /bind: [Aa]ddress already in use|port already in use|can't set .* port|panic: failed assigning ephemeral port/i,
    prepare: async () => {
      createServerDir(dataDir, options.account);
    },
    command: async (port) => {
      // A restart keeps all four ports. A new main port means that one of the four was taken.
      if (extra?.mainPort !== port) {
        extra = { mainPort: port, ui: await freePort(), http: await freePort(), metrics: await freePort() };
      }
      return [options.binary, ...serverArguments(path.join(dataDir, 'temporal.db'), extra), ...options.extraArguments];
    },
    ready,
  };
  return { spec, uiUrl: () => `http://127.0.0.1:${extra?.ui}` };
}

function serverArguments(databaseFile: string, ports: ExtraPorts): string[] {
  return [
    'server',
    'start-dev',
    '--ip=127.0.0.1',
    `--port=${ports.mainPort}`,
    `--ui-port=${ports.ui}`,
    `--http-port=${ports.http}`,
    `--metrics-port=${ports.metrics}`,
    '--log-level=warn',
    '--ui-disable-news-fetch',
    `--db-filename=${databaseFile}`,
    // A killed server loses nothing; a power cut may lose the last moments, which is acceptable for development.
    '--sqlite-pragma=journal_mode=wal',
    '--sqlite-pragma=synchronous=normal',
    ...SEARCH_ATTRIBUTES.map((attribute) => `--search-attribute=${attribute}`),
    ...DYNAMIC_CONFIG.map((setting) => `--dynamic-config-value=${setting}`),
  ];
}

async function ready(port: number, pid: number): Promise<void> {
  // Temporal does not say which process answers, so the owner of the socket is looked up.
  if (!holdsSocket(pid, socketsOnPort(port))) throw new Error(`process ${pid} does not listen on port ${port}`);
  await checkTemporal(`127.0.0.1:${port}`);
}

const SERVING = 1;

// The service answers some milliseconds before its namespace does.
export async function checkTemporal(address: string): Promise<void> {
  const connection = await Connection.connect({ address, connectTimeout: PROBE_TIMEOUT_MS });
  try {
    await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, async () => {
      const service = 'temporal.api.workflowservice.v1.WorkflowService';
      const health = await connection.healthService.check({ service });
      if (Number(health.status) !== SERVING) throw new Error(`health status ${health.status}`);
      await connection.workflowService.describeNamespace({ namespace: 'default' });
    });
  } finally {
    await connection.close();
  }
}
