import type { LegacyServerInput } from '../records/legacy-servers.ts';
import type { Stack } from '../stack/stack.ts';

type OfTheTable = Pick<LegacyServerInput, 'id' | 'database' | 'timeZone' | 'remoteDirectory'> & {
  mysqlUser: string;
  mysqlPasswordRef: string;
  /** Columns beside the six that each of our tables has; `vehicle: undefined`: each vehicle has a table of its own. */
  columns?: Partial<LegacyServerInput['columns']>;
};

/** Describes the legacy server of a private stack as an operator does: its address, and the columns that its tables share. */
export function stackLegacyServer({ ssh }: Pick<Stack, 'ssh'>, { columns, ...table }: OfTheTable): LegacyServerInput {
  return {
    host: ssh.host,
    port: ssh.port,
    user: ssh.user,
    privateKeyRef: `file:${ssh.privateKeyFile}`,
    hostKeyFingerprints: [ssh.hostKeyFingerprint],
    mysqlPort: ssh.mysqlPort,
    ...table,
    columns: {
      id: 'id',
      vehicle: 'vehicle_id',
      time: 'device_time',
      latitude: 'latitude',
      longitude: 'longitude',
      speedKmh: 'speed',
      ...columns,
    },
  };
}
