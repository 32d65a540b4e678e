import { readConnectionPlaces } from '../../records/connection-places.ts';
import { type Kpis, errorsBySlot, kpisOf, sumKpis } from '../../records/run-kpis.ts';
import { readSettings } from '../../records/settings.ts';
import { countVehiclesByNews } from '../../records/vehicle-news.ts';
import type { GaugeQuery } from './gauge-query.ts';

const A_DAY_SECONDS = 86_400;

/** One figure over the runs of the last day; left out while there is nothing to divide by. */
const ofTheDay = (name: string, help: string, figure: keyof Kpis): GaugeQuery => ({
  name: `fleetgraph_kpi_${name}`,
  help: `${help}, over the runs that ended in the last day.`,
  labels: [],
  read: async (database) => {
    const value = kpisOf(await sumKpis(database, A_DAY_SECONDS))[figure];
    return value === null ? [] : [{ value }];
  },
});

/** The key figures. docs/operations.md has their formulas. */
export const KPI_GAUGES: GaugeQuery[] = [
  ofTheDay('worker_utilisation_ratio', 'Busy slot-seconds over slot-seconds', 'workerUtilisation'),
  ofTheDay('vehicle_sync_seconds', 'Slot-seconds per synced vehicle', 'secondsPerVehicle'),
  ofTheDay('vehicles_per_hour', 'Synced vehicles per hour', 'vehiclesPerHour'),
  ofTheDay('success_ratio', 'Share of the vehicles that did not fail', 'successRate'),
  ofTheDay('ssh_health_ratio', 'Share of the vehicles with news that did not fail for their server', 'sshHealth'),
  ofTheDay('transfer_megabytes_per_second', '10⁶ bytes on the wire per second', 'megabytesPerSecond'),
  ofTheDay('inserted_rows_per_second', 'Rows inserted per second', 'rowsPerSecond'),
  {
    name: 'fleetgraph_kpi_slot_error_ratio',
    help: 'Share of the vehicles and slices of a worker slot that failed, over the runs that ended in the last day.',
    labels: ['slot'],
    read: async (database) =>
      (await errorsBySlot(database, A_DAY_SECONDS)).map(({ slot, works, failed }) => ({ slot, value: failed / works })),
  },
  {
    name: 'fleetgraph_ssh_connections',
    help: 'Connections to a legacy server, over all workers, and how many there may be.',
    labels: ['server', 'of'],
    read: async (database) =>
      (await readConnectionPlaces(database, await readSettings(database))).flatMap(({ serverId, inUse, places }) => [
        { server: serverId, of: 'in-use', value: inUse },
        { server: serverId, of: 'places', value: places },
      ]),
  },
  {
    name: 'fleetgraph_vehicles_news',
    help: 'Vehicles by the age of their newest position: fresh, silent (synced, and sends nothing), unsynced, never.',
    labels: ['news'],
    read: async (database) =>
      (await countVehiclesByNews(database)).map(({ news, vehicles }) => ({ news, value: vehicles })),
  },
];
