import { Command } from 'commander';
import { inTransaction } from '../../connections/postgres.ts';
import { Failure } from '../../errors.ts';
import { readLegacyServer } from '../../records/legacy-servers.ts';
import { type VehicleInput, insertVehicle, readVehicles, updateVehicle } from '../../records/vehicles.ts';
import { discoverFromHere } from '../discover-vehicles.ts';
import { readJsonFile } from '../json-file.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

export const vehiclesCommand = (): Command => {
  const command = new Command('vehicles').description('the vehicles there are to sync');
  command.command('list').description('every vehicle with its watermark').action(list);
  command
    .command('put')
    .description(
      'add or change vehicles from a JSON file: an array of {id, label, serverId, table, legacyVehicleId, partOf, priority, enabled}',
    )
    .argument('<file>', 'path of the file')
    .action(put);
  command
    .command('discover')
    .description('the vehicles that a legacy server has rows of, and which of them are not synced yet')
    .argument('<server>')
    .option('--apply', 'add those that are not there yet')
    .option('--auto-add', 'with --apply: add those that appear later by themselves, before each run of all vehicles')
    .option('--table <name>', 'look into this table only')
    .option('--reason <text>', 'why, for the audit log')
    .action(discoverFromHere);
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
    vehicle.partOf ?? '–',
    String(vehicle.priority),
    vehicle.enabled ? 'yes' : 'no',
    vehicle.watermark,
  ]);
  console.log(
    plainTable(['id', 'label', 'server', 'table', 'legacy id', 'part of', 'priority', 'enabled', 'watermark'], rows, 6),
  );
}

async function put(file: string): Promise<void> {
  const inputs = listOf(await readJsonFile(file), file);
  await withSession(({ postgres }) =>
    inTransaction(postgres, async (client) => {
      const known = new Set((await readVehicles(client)).map(({ id }) => id));
      for (const input of inputs) {
        const server = await readLegacyServer(client, input.serverId);
        await (known.has(input.id) ? updateVehicle(client, input, server) : insertVehicle(client, input, server));
        known.add(input.id);
      }
    }),
  );
  console.log(`${inputs.length} vehicles written`);
}

/** Checks only that each vehicle names its server; the rest is checked when it is written. */
function listOf(content: unknown, file: string): VehicleInput[] {
  const isVehicle = (item: unknown): boolean =>
    typeof item === 'object' && item !== null && 'serverId' in item && typeof item.serverId === 'string';
  if (Array.isArray(content) && content.every(isVehicle)) return content as VehicleInput[];
  throw new Failure(
    'InvalidConfiguration',
    `Reading ${file}: it has to be an array of vehicles, each with its serverId. README.md shows one.`,
  );
}
