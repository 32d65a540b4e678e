import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { inTransaction } from '../../connections/postgres.ts';
import { readLegacyServer } from '../../settings/legacy-servers.ts';
import { type VehicleInput, insertVehicle, readVehicles, updateVehicle } from '../../settings/vehicles.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

export const vehiclesCommand = (): Command => {
  const command = new Command('vehicles').description('the vehicles there are to sync');
  command.command('list').description('every vehicle with its watermark').action(list);
  command
    .command('put')
    .description(
      'add or change vehicles from a JSON file: an array of {id, label, serverId, table, legacyVehicleId, priority, enabled}',
    )
    .argument('<file>', 'path of the file')
    .action(put);
  return command;
};

async function list(): Promise<void> {
  const vehicles = await withSession((session) => readVehicles(session.postgres));
  const rows = vehicles.map((vehicle) => [
    vehicle.id,
    vehicle.label,
    vehicle.serverId,
    vehicle.table,
    vehicle.legacyVehicleId ?? '–',
    String(vehicle.priority),
    vehicle.enabled ? 'yes' : 'no',
    vehicle.watermark,
  ]);
  console.log(plainTable(['id', 'label', 'server', 'table', 'legacy id', 'priority', 'enabled', 'watermark'], rows, 5));
}

async function put(file: string): Promise<void> {
  const inputs = JSON.parse(await readFile(file, 'utf8')) as VehicleInput[];
  await withSession(({ postgres }) =>
    inTransaction(postgres, async (client) => {
      const known = new Set((await readVehicles(client)).map(({ id }) => id));
      for (const input of inputs) {
        const server = await readLegacyServer(client, input.serverId);
        await (known.has(input.id) ? updateVehicle(client, input, server) : insertVehicle(client, input, server));
      }
    }),
  );
  console.log(`${inputs.length} vehicles written`);
}
