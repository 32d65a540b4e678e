import { insertInto, type LegacySchema, local, round } from './schema.ts';

interface TraccarTable {
  system: LegacySchema['system'];
  table: string;
  protocol: string;
  /** Seconds from the fix to its receipt. */
  receivedAfter: number;
  attributes: string;
  /** The values of columns behind `attributes`. */
  more?: number[];
}

/** The table of positions that Traccar has since version 3, under either of its names. */
export const traccarSchema = ({
  system,
  table,
  protocol,
  receivedAfter,
  attributes,
  more = [],
}: TraccarTable): LegacySchema => ({
  system,
  layout: 'shared',
  insert: (fixes) =>
    `SET time_zone = '+00:00'; ${insertInto(
      table,
      fixes.map((fix) => [
        null,
        protocol,
        fix.bus + 1,
        local(fix.seconds + receivedAfter),
        local(fix.seconds),
        local(fix.seconds),
        "=b'1'",
        fix.latitude,
        fix.longitude,
        fix.altitude,
        round(fix.kmh / 1.852, 5),
        fix.heading,
        null,
        attributes,
        ...more,
      ]),
    )}`,
  columns: {
    id: 'id',
    vehicle: 'deviceid',
    time: 'fixtime',
    receivedAt: 'servertime',
    speedKmh: { column: 'speed', unit: 'knots' },
    headingDeg: 'course',
    altitudeM: 'altitude',
  },
  says: [
    /speed is in knots/,
    new RegExp(`CREATE INDEX \`fleetgraph\` ON \`${table}\` \\(\`deviceid\`, \`id\`\\)`),
    /times of fixes and of receipt agree/,
  ],
  labels: ['Bus 14', 'Bus 15', 'Bus 16'],
  kmh: 0.01,
  attributes: ({ seconds }) => ({
    protocol,
    devicetime: `${local(seconds)}Z`,
    valid: 1,
    address: null,
    attributes,
    ...(more.length === 0 ? {} : { accuracy: more[0] }),
  }),
});
