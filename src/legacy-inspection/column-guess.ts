import type { NumberFieldName } from '../settings/position-columns.ts';
import { type DescribedColumn, type DescribedTable } from './described-table.ts';

/** What a column may be by its name, best names first. Compared in lower case, without underscores, hyphens and blanks. */
const NAMES = {
  id: ['id', 'positionid', 'rowid', 'uid', 'locationid', 'recordid', 'no'],
  vehicle: [
    'deviceid',
    'vehicleid',
    'imei',
    'busid',
    'unitid',
    'trackerid',
    'deviceserialnumber',
    'serialnumber',
    'vehicle',
    'device',
    'plate',
    'platenumber',
    'regnumber',
    'госномер',
    'bus',
  ],
  time: [
    'fixtime',
    'gpstime',
    'dttracker',
    'devicetime',
    'fixedat',
    'recordedat',
    'timestamp',
    'datetime',
    'ts',
    'time',
    'createdat',
    'dt',
    'epoch',
  ],
  receivedAt: ['servertime', 'dtserver', 'receivedat', 'creationtime', 'insertedat', 'serverts'],
  latitude: ['latitude', 'lat', 'gpslat', 'latdeg', 'широта', 'y'],
  longitude: ['longitude', 'lon', 'lng', 'long', 'gpslon', 'gpslng', 'londeg', 'долгота', 'x'],
  latitudeSide: ['ns', 'latns', 'latdir', 'lathemisphere', 'latitudedirection', 'nsindicator'],
  longitudeSide: ['ew', 'lonew', 'londir', 'lnghemisphere', 'lonhemisphere', 'longitudedirection', 'ewindicator'],
  point: ['position', 'location', 'coordinates', 'coord', 'point', 'geom', 'geo', 'latlng'],
  speedKmh: ['speedkmh', 'speedkph', 'speed', 'velocity', 'spd', 'gpsspeed', 'скорость'],
  headingDeg: ['heading', 'course', 'angle', 'bearing', 'direction', 'azimuth', 'курс'],
  altitudeM: ['altitude', 'alt', 'elevation', 'height', 'высота'],
  date: ['date', 'gpsdate', 'day', 'дата'],
  clock: ['time', 'gpstime', 'clock', 'timeofday', 'время'],
} as const satisfies Record<NumberFieldName, readonly string[]> & Record<string, readonly string[]>;
export type Guessed = keyof typeof NAMES;

const plain = (name: string): string => name.toLowerCase().replaceAll(/[_\s-]/g, '');

/** The column that is this by its name and, where types are given, by its type; undefined when none is. */
export function guessColumn(table: DescribedTable, what: Guessed, types?: RegExp): DescribedColumn | undefined {
  for (const name of NAMES[what]) {
    const found = table.columns.find((column) => plain(column.name) === name && (types?.test(column.dataType) ?? true));
    if (found !== undefined) return found;
  }
  return undefined;
}
