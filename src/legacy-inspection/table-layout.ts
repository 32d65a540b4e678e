import { columnNamed, type DescribedTable } from './described-table.ts';

/** Systems whose tables are known by their names and columns; `traccar-3` is what came before 4, and `plain` everything else that looks like positions. */
export type LegacySystem = 'traccar' | 'traccar-3' | 'opengts' | 'gps-server' | 'plain';

/** Tables of a database that belong together: one shared by all vehicles, or one of many that look alike. */
export interface TableLayout {
  system: LegacySystem;
  layout: 'shared' | 'per-vehicle' | 'per-month';
  /** Their names; for `shared` there is one. */
  tables: string[];
  /** The one they are described by: the largest. */
  example: DescribedTable;
  /** Where the vehicles' names are, if they are. */
  devices: { table: string; key: string; label: string } | null;
}

const has = (table: DescribedTable, ...names: string[]): boolean =>
  names.every((name) => columnNamed(table, name) !== undefined);

const SYSTEMS: { system: LegacySystem; name: RegExp; columns: string[]; devices: TableLayout['devices'] }[] = [
  {
    system: 'traccar',
    name: /^tc_positions$/i,
    columns: ['deviceid', 'fixtime', 'servertime', 'latitude', 'longitude', 'speed'],
    devices: { table: 'tc_devices', key: 'id', label: 'name' },
  },
  // Traccar 2.
  {
    system: 'traccar-3',
    name: /^positions$/i,
    columns: ['device_id', 'time', 'latitude', 'longitude', 'speed', 'valid'],
    devices: { table: 'devices', key: 'id', label: 'name' },
  },
  {
    system: 'traccar-3',
    name: /^positions$/i,
    columns: ['deviceid', 'fixtime', 'latitude', 'longitude', 'speed', 'valid'],
    devices: { table: 'devices', key: 'id', label: 'name' },
  },
  {
    system: 'opengts',
    name: /^EventData$/i,
    columns: ['accountID', 'deviceID', 'timestamp', 'statusCode', 'speedKPH'],
    devices: { table: 'Device', key: 'deviceID', label: 'description' },
  },
  {
    system: 'gps-server',
    name: /^gs_object_data(_\w+)?$/i,
    columns: ['dt_server', 'dt_tracker', 'lat', 'lng', 'speed', 'params'],
    devices: { table: 'gs_objects', key: 'imei', label: 'name' },
  },
];

/** `gps_2025_06`, `positions202506`: the stem, when what follows is a month. */
const MONTH = /^(.*?)[_-]?(20\d\d)[_-]?(0[1-9]|1[0-2])$/;
const VEHICLE = /^(.*?)[_-]?([0-9]{2,}|[A-Z]{1,3}[0-9]+[A-Z0-9]*)$/i;
const FEWEST_ALIKE = 2;

/** What a table of a month is called without its month; null for a table of none. */
export const stemOfMonth = (table: string): string | null => MONTH.exec(table)?.[1] || null;

/** Tables that belong to a known system, and groups of tables that look alike; a table is in one of them. */
export function tableLayouts(
  tables: readonly DescribedTable[],
  looksLikePositions: (table: DescribedTable) => boolean,
): TableLayout[] {
  const candidates = tables.filter(looksLikePositions);
  const groups = new Map<string, DescribedTable[]>();
  for (const table of candidates) {
    const group = groupOf(table, candidates);
    groups.set(group, [...(groups.get(group) ?? []), table]);
  }
  return [...groups].map(([group, members]) => {
    const example = members.reduce((most, table) =>
      (table.estimatedRows ?? 0) > (most.estimatedRows ?? 0) ? table : most,
    );
    const known = SYSTEMS.find(({ name, columns }) => name.test(example.name) && has(example, ...columns));
    const devices = known?.devices ?? null;
    return {
      system: known?.system ?? 'plain',
      layout: group.startsWith('month ') ? 'per-month' : group.startsWith('vehicle ') ? 'per-vehicle' : 'shared',
      tables: members.map(({ name }) => name).sort(),
      example,
      devices:
        devices !== null && tables.some(({ name }) => name.toLowerCase() === devices.table.toLowerCase())
          ? devices
          : null,
    };
  });
}

function groupOf(table: DescribedTable, all: readonly DescribedTable[]): string {
  for (const [kind, pattern, fewest] of [
    ['month', MONTH, FEWEST_ALIKE],
    ['vehicle', VEHICLE, FEWEST_ALIKE],
    // The first month of a fleet: the next will have a table of its own.
    ['month', MONTH, 1],
  ] as const) {
    const stem = pattern.exec(table.name)?.[1];
    if (stem === undefined || stem === '') continue;
    const alike = all.filter(
      ({ name, ...other }) => pattern.exec(name)?.[1] === stem && columnsOf({ name, ...other }) === columnsOf(table),
    );
    if (alike.length >= fewest) return `${kind} ${stem} ${columnsOf(table)}`;
  }
  return table.name;
}

const columnsOf = ({ columns }: DescribedTable): string => columns.map(({ name }) => name.toLowerCase()).join(',');
