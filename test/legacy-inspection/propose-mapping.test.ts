import { describe, expect, test } from '@jest/globals';
import type { DescribedTable } from '../../src/legacy-inspection/described-table.ts';
import { proposeMappings } from '../../src/legacy-inspection/propose-mapping.ts';

/** `id bigint, lat float(10,6), …`; indexes as `vehicle_id+id`, the first one the primary key. */
function table(
  name: string,
  columns: string,
  indexes: string[] = [],
  over: Partial<DescribedTable> = {},
): DescribedTable {
  return {
    name,
    engine: 'InnoDB',
    isView: false,
    estimatedRows: 1_000,
    columns: columns.split(/, (?=\S+ )/).map((column) => {
      const [columnName = '', columnType = ''] = column.split(' ');
      return { name: columnName, columnType, dataType: columnType.replace(/\(.*/, '') };
    }),
    indexes: indexes.map((index, at) => ({
      name: at === 0 ? 'PRIMARY' : index,
      unique: at === 0,
      columns: index.split('+'),
    })),
    ...over,
  };
}

const TRACCAR = table(
  'tc_positions',
  'id int, protocol varchar(128), deviceid int, servertime timestamp, devicetime timestamp, fixtime timestamp, valid bit(1), latitude double, longitude double, altitude float, speed float, course float, address varchar(512), attributes varchar(4000), accuracy double',
  ['id', 'deviceid+fixtime'],
  { estimatedRows: 4_000_000 },
);
const DEVICES = table('tc_devices', 'id int, name varchar(128), uniqueid varchar(128)', ['id']);

const only = (...tables: DescribedTable[]) => {
  const proposals = proposeMappings(tables);
  expect(proposals).toHaveLength(1);
  return proposals[0]!;
};

describe('systems that people have', () => {
  test('Traccar 6: speeds in knots, names in tc_devices, and the index that is missing', () => {
    const users = table('tc_users', 'id int, name varchar(128), latitude double, longitude double', ['id']);
    expect(only(TRACCAR, DEVICES, users)).toMatchObject({
      system: 'traccar',
      layout: 'shared',
      tables: ['tc_positions'],
      devices: { table: 'tc_devices', key: 'id', label: 'name' },
      columns: {
        id: 'id',
        vehicle: 'deviceid',
        time: 'fixtime',
        receivedAt: 'servertime',
        latitude: 'latitude',
        longitude: 'longitude',
        speedKmh: { column: 'speed', unit: 'knots' },
        headingDeg: 'course',
        altitudeM: 'altitude',
        attributes: {
          protocol: 'protocol',
          valid: 'valid',
          attributes: 'attributes',
          accuracy: 'accuracy',
          devicetime: 'devicetime',
          address: 'address',
        },
      },
      unsure: [],
      hurts: ["no index leads to a vehicle's new rows: CREATE INDEX `fleetgraph` ON `tc_positions` (`deviceid`, `id`)"],
    });
  });

  test('Traccar before 4', () => {
    const positions = table(
      'positions',
      'id bigint, device_id bigint, time datetime, valid bit(1), latitude double, longitude double, altitude double, speed double, course double, other varchar(255)',
      ['id', 'device_id'],
    );
    expect(only(positions, table('devices', 'id bigint, name varchar(128)'))).toMatchObject({
      system: 'traccar-3',
      devices: { table: 'devices' },
      columns: { vehicle: 'device_id', time: 'time', speedKmh: { column: 'speed', unit: 'knots' } },
      unsure: [expect.stringMatching(/time is a DATETIME/)],
      hurts: [],
    });
  });

  test('OpenGTS: Unix seconds and no id', () => {
    const events = table(
      'EventData',
      'accountID varchar(32), deviceID varchar(32), timestamp int, statusCode int, latitude double, longitude double, speedKPH double, heading double, altitude double',
      ['accountID+deviceID+timestamp+statusCode'],
      { engine: 'MyISAM' },
    );
    const found = only(events);
    expect(found).toMatchObject({
      system: 'opengts',
      devices: null,
      columns: { vehicle: 'deviceID', time: { column: 'timestamp', format: 'unix-seconds' }, speedKmh: 'speedKPH' },
      unsure: [],
      hurts: [
        expect.stringMatching(
          /rows are followed by timestamp and told apart by accountID, deviceID, timestamp, statusCode/,
        ),
        expect.stringMatching(/EventData is MyISAM/),
      ],
    });
    const key = ['accountID', 'deviceID', 'timestamp', 'statusCode'];
    expect(found.columns.id).toEqual({ time: 'timestamp', format: 'unix-seconds', columns: key });
    expect(found.columns.attributes).toMatchObject({ statusCode: 'statusCode' });
  });

  test('gps-server.net: a table for each of its devices', () => {
    const columns =
      'dt_server datetime, dt_tracker datetime, lat double, lng double, altitude double, angle double, speed double, params varchar(2048)';
    const tables = ['356307042441013', '356307042441021'].map((imei) =>
      table(`gs_object_data_${imei}`, columns, ['dt_tracker']),
    );
    expect(only(...tables, table('gs_objects', 'imei varchar(20), name varchar(50)'))).toMatchObject({
      system: 'gps-server',
      layout: 'per-vehicle',
      tables: ['gs_object_data_356307042441013', 'gs_object_data_356307042441021'],
      devices: { table: 'gs_objects', key: 'imei', label: 'name' },
      columns: { time: 'dt_tracker', receivedAt: 'dt_server', headingDeg: 'angle', speedKmh: 'speed' },
    });
  });
});

describe('plain tables', () => {
  const PLAIN = 'id bigint, vehicle_id int, recorded_at timestamp, lat double, lon double, speed_kmh float';

  test('one for all vehicles, with the right index', () => {
    expect(only(table('vehicle_locations', PLAIN, ['id', 'vehicle_id+id']))).toMatchObject({
      system: 'plain',
      layout: 'shared',
      columns: {
        id: 'id',
        vehicle: 'vehicle_id',
        time: 'recorded_at',
        latitude: 'lat',
        longitude: 'lon',
        speedKmh: 'speed_kmh',
      },
      unsure: [],
      hurts: [],
    });
  });

  test('of one month, which is the first of many', () => {
    expect(only(table('gps_2025_05', PLAIN, ['id'])).layout).toBe('per-month');
    expect(only(table('gps_2025_13', PLAIN, ['id'])).layout).toBe('shared');
    // Numbers of vehicles may look like months.
    const buses = ['202501', '301201'].map((number) => table(`bus_${number}`, PLAIN, ['id']));
    expect(only(...buses).layout).toBe('per-vehicle');
  });

  test('one for each month', () => {
    const months = ['2025_05', '2025_06', '2025_07'].map((month) => table(`gps_${month}`, PLAIN, ['id']));
    expect(only(...months)).toMatchObject({
      layout: 'per-month',
      tables: ['gps_2025_05', 'gps_2025_06', 'gps_2025_07'],
      hurts: [expect.stringMatching(/ON `gps_2025_05` .*, and so on each of the other 2 tables$/)],
    });
  });

  test('one for each vehicle needs an index of the id alone', () => {
    const columns = PLAIN.replace('vehicle_id int, ', '');
    const found = only(table('bus_101', columns, ['id']), table('bus_102', columns, ['id']));
    expect(found).toMatchObject({ layout: 'per-vehicle', tables: ['bus_101', 'bus_102'], hurts: [] });
    expect(found.columns.vehicle).toBeUndefined();
  });

  test.each([
    [
      'a POINT',
      'id int, imei varchar(20), ts datetime, position point',
      { latitude: { column: 'position', format: 'point-y' } },
      /position is a POINT/,
    ],
    ['integers', 'id int, imei varchar(20), ts timestamp, lat int, lon int', { latitude: 'lat' }, /lat is an integer/],
    [
      'texts',
      'id int, imei varchar(20), ts varchar(30), lat varchar(45), lon varchar(45)',
      { time: 'ts' },
      /ts is a text/,
    ],
    [
      'a DATE and a TIME',
      'id int, imei varchar(20), date date, time time, lat double, lon double',
      { time: { date: 'date', clock: 'time' } },
      /^$/,
    ],
    ['a DATE alone', 'id int, imei varchar(20), date date, lat double, lon double', {}, /date is a DATE alone/],
    [
      'milliseconds',
      'id int, imei varchar(20), ts bigint, lat double, lon double',
      { time: { column: 'ts', format: 'unix-milliseconds' } },
      /taken for milliseconds/,
    ],
    [
      'a speed of no named unit',
      'id int, imei varchar(20), ts timestamp, lat double, lon double, speed int',
      { speedKmh: 'speed' },
      /speed is taken for km\/h/,
    ],
    [
      'nobody’s rows',
      'id int, ts timestamp, lat double, lon double',
      {},
      /no column of gps says by its name whose a row is/,
    ],
  ])('%s', (_name, columns, mapping, doubt) => {
    const { columns: found, unsure, rowsTell } = only(table('gps', columns, ['id', 'imei+id']));
    expect(found).toMatchObject(mapping);
    expect([...unsure, ...rowsTell].join('; ')).toMatch(doubt);
  });

  test('a column whose name is none that we would put into a statement is left out with a word, and so is a geometry', () => {
    const strange = `${PLAIN}, driver's varchar, geom point`;
    const { columns, unsure } = only(table('gps', strange, ['id', 'vehicle_id']));
    expect(Object.keys(columns.attributes)).not.toContain("driver's");
    expect(Object.keys(columns.attributes)).not.toContain('geom');
    expect(unsure).toContain("left out, because of what is in their names: driver's");
  });

  test('what hurts', () => {
    expect(only(table('gps', PLAIN, ['id'], { engine: 'MyISAM' })).hurts).toEqual([
      expect.stringMatching(/CREATE INDEX `fleetgraph` ON `gps` \(`vehicle_id`, `id`\)$/),
      expect.stringMatching(/^gps is MyISAM/),
    ]);
    expect(only(table('gps', PLAIN, [], { engine: null, isView: true })).hurts).toEqual([
      expect.stringMatching(/^gps is a view/),
    ]);
    // MyISAM appends no primary key to an index of the vehicle.
    expect(only(table('gps', PLAIN, ['id', 'vehicle_id'], { engine: 'MyISAM' })).hurts).toContainEqual(
      expect.stringMatching(/CREATE INDEX/),
    );
    expect(only(table('gps', PLAIN, ['id', 'vehicle_id'])).hurts).toEqual([]);
  });

  test('tables of other things are left out, and the known system comes before the larger table', () => {
    const stops = table('stops', 'id int, name varchar(100), latitude double, longitude double', ['id']);
    const log = table('vehicle_log', PLAIN, ['id', 'vehicle_id+id'], { estimatedRows: 9_000_000_000 });
    expect(proposeMappings([stops, log, TRACCAR]).map(({ example }) => example.name)).toEqual([
      'tc_positions',
      'vehicle_log',
    ]);
  });
});
