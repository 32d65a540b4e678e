import { userInfo } from 'node:os';
import { addFound, findNewVehicles, type NewVehicles } from '../activities/legacy-sync/inspection/find-new-vehicles.ts';
import type { NewVehicle } from '../records/new-vehicles.ts';
import { readSettings, writeSetting } from '../records/settings.ts';
import { asksYes } from './ask.ts';
import { withLegacyHosts } from './legacy-hosts-here.ts';
import { plainTable } from './run-table.ts';
import { withSession } from './session.ts';

interface DiscoverFlags {
  apply?: boolean;
  autoAdd?: boolean | undefined;
  table?: string;
  reason?: string;
}

const AUTO_ADD = 'legacy_sync.vehicles.auto_add';

/** Shows what discovery finds, and with --apply adds it. */
export function discoverFromHere(
  serverId: string,
  { apply = false, autoAdd, table, reason = 'found by vehicles discover' }: DiscoverFlags,
): Promise<void> {
  return withSession(async ({ postgres: pool }) => {
    const settings = await readSettings(pool);
    const found = await withLegacyHosts(settings, (hosts) => findNewVehicles({ pool, hosts }, { serverId, table }));
    show(serverId, found);
    const { fresh } = found;
    if (!apply) {
      if (fresh.length > 0) console.log(`--apply adds them; ${AUTO_ADD} does it before each run`);
      return;
    }
    const actor = userInfo().username;
    const added = await addFound(pool, serverId, { found: found.vehicles, actor, reason });
    console.log(`${added.length} vehicles added`);
    if (settings.autoAddVehicles || !(await laterOnes(autoAdd))) return;
    await writeSetting(pool, AUTO_ADD, 'true', { actor, reason });
    console.log(`${AUTO_ADD} = true: those that appear later are added before each run of all vehicles`);
  });
}

/** Whether vehicles that appear later shall be added, too; a person at a terminal who has not said it is asked. */
const laterOnes = async (said: boolean | undefined): Promise<boolean> =>
  said ?? (process.stdin.isTTY && (await asksYes('Add vehicles that appear later by themselves, at all servers?')));

/** A vehicle that has rows in several tables, one a month as a rule, is one with a part in each. */
export function severalTables(vehicles: readonly Pick<NewVehicle, 'table' | 'label' | 'series'>[]): string[] {
  const series = new Map<string, { label: string; tables: string[] }>();
  for (const { table, label, series: of } of vehicles) {
    if (of === null) continue;
    const known = series.get(of);
    if (known === undefined) series.set(of, { label, tables: [table] });
    else known.tables.push(table);
  }
  const several = [...series.values()].filter(({ tables }) => tables.length > 1);
  const [first] = several;
  if (first === undefined) return [];
  return [
    `${several.length} of them have rows in several tables (${first.label} in ${first.tables.slice(0, 3).join(', ')}): each is one vehicle, with a part in every other table. ` +
      'Tables of new months are found before each run.',
  ];
}

const wholes = (vehicles: readonly Pick<NewVehicle, 'series'>[]): number =>
  vehicles.filter(({ series }) => series === null).length +
  new Set(vehicles.flatMap(({ series }) => series ?? [])).size;

function show(serverId: string, { vehicles, fresh, missing, skipped }: NewVehicles): void {
  const all = wholes(vehicles);
  const places = vehicles.length > all ? ` in ${vehicles.length} places` : '';
  console.log(`${serverId} has ${all} vehicles${places}; ${fresh.length} of them are not synced yet`);
  if (fresh.length > 0) {
    const rows = fresh.map((vehicle) => [vehicle.label, vehicle.table, vehicle.legacyVehicleId ?? '–']);
    console.log(plainTable(['label', 'table', 'legacy id'], rows, 3));
  }
  for (const note of severalTables(vehicles)) console.log(note);
  for (const { id, label, table: place, legacyVehicleId } of missing)
    console.log(
      `vehicle ${id} (${label}) occurs nowhere: no row of ${place}${legacyVehicleId === null ? '' : ` has ${legacyVehicleId}`}`,
    );
  for (const key of skipped) console.log(`left out, as no statement of ours may hold it: ${key}`);
}
