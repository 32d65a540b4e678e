import { type LegacyHosts, openLegacyHosts } from '../activities/legacy-sync/legacy-host/legacy-hosts.ts';
import { inProcessPermits } from '../connections/ssh/in-process-permits.ts';
import { Failure } from '../errors.ts';
import { createLogger } from '../logger.ts';
import type { LegacyServer, Vehicle } from '../settings/legacy-server.ts';
import { readLegacyServer } from '../settings/legacy-servers.ts';
import type { LegacySyncSettings } from '../settings/legacy-sync.ts';
import { readSettings } from '../settings/store.ts';
import { readVehicles } from '../settings/vehicles.ts';
import type { Session } from './session.ts';

/** Walks the way a sync goes, short of dumping: login, tools, MySQL, one vehicle's new rows. One connection, so no shared permit is taken. */
export async function tryServer({ postgres }: Session, id: string): Promise<void> {
  const server = await readLegacyServer(postgres, id);
  const settings = await readSettings(postgres);
  const one = inProcessPermits(() => 1);
  const permits = { connections: () => one, transfers: { acquire: () => one.acquire() } };
  const hosts = openLegacyHosts({ settings: () => settings, permits, logger: createLogger('fleetgraph', 'warn') });
  try {
    const left = await hosts.of(server).listFiles();
    console.log(`logged in as ${server.user}@${server.host}:${server.port}; ${left.length} folders of ours are there`);
    const vehicle = (await readVehicles(postgres)).find(({ serverId }) => serverId === id);
    if (vehicle === undefined) console.log('no vehicle names this server yet, so MySQL was not asked');
    else await countNewRows(hosts, server, vehicle, settings);
  } finally {
    await hosts.close();
  }
}

async function countNewRows(
  hosts: LegacyHosts,
  server: LegacyServer,
  vehicle: Vehicle,
  { planCountCap }: LegacySyncSettings,
): Promise<void> {
  const { vehicles, warnings } = await hosts.plan({
    server,
    vehicles: [{ vehicle, fromId: vehicle.watermark, seen: null }],
    countCap: planCountCap,
    signal: new AbortController().signal,
  });
  for (const warning of warnings) console.log(`warning: ${warning}`);
  for (const plan of vehicles) {
    if ('failure' in plan) throw new Failure(plan.failure.code, plan.failure.message);
    console.log(
      `vehicle ${vehicle.label}: ${plan.capped ? 'at least ' : ''}${plan.newRows} new rows above id ${vehicle.watermark}`,
    );
  }
}
