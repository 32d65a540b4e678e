import type { LegacyServerInput } from '../settings/legacy-servers.ts';
import type { Stack } from '../stack/stack.ts';

type OfTheTable = Pick<LegacyServerInput, 'id' | 'database' | 'timeZone' | 'remoteDirectory'> & {
  mysqlUser: string;
  mysqlPasswordRef: string;
  /** Beside the six that every table of ours has under these names; `vehicle: undefined`: each vehicle has a table of its own. */
  columns?: Partial<LegacyServerInput['columns']>;
};

/** The legacy server of a private stack as an operator describes one: how it is reached, and the columns its tables have in common. */
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
