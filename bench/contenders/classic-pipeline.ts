import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import pLimit from 'p-limit';
import { describePositionsStore } from '../../src/records/schema/migrations.ts';
import { runCommand } from '../../src/stack/run-command.ts';
import type { Bench } from '../bench-stack.ts';
import { DATABASE, type LegacyReader, TABLE } from '../legacy-positions.ts';

export const CLASSIC_TABLE = 'classic_positions';

/**
 * The script that an administrator writes in an afternoon, and that most fleets run: per vehicle a dump to a file on the legacy host, scp,
 * sed from INSERT to CSV, \copy, rm. It needs MariaDB's dumps with one row per line. Arguments: vehicle, id above which rows are new.
 */
const SCRIPT = `#!/bin/bash
set -eu -o pipefail
vehicle=$1 above=$2 file=$REMOTE/$1.sql.gz
on_host() { ssh -F none -i "$KEY" -p "$PORT" -o BatchMode=yes -o UserKnownHostsFile="$KNOWN" "$LOGIN" "$@"; }
on_host "mysqldump --defaults-file=$REMOTE/reader.cnf --single-transaction --quick --skip-lock-tables --no-create-info --skip-triggers \\
  --skip-add-locks --skip-disable-keys --tz-utc --default-character-set=utf8mb4 --where='vehicle_id=$vehicle AND id>$above' ${DATABASE} ${TABLE} \\
  | gzip >$file"
scp -q -F none -i "$KEY" -P "$PORT" -o BatchMode=yes -o UserKnownHostsFile="$KNOWN" "$LOGIN:$file" "$LOCAL/$vehicle.sql.gz"
gunzip -c "$LOCAL/$vehicle.sql.gz" | sed -n 's/^(\\(.*\\))[,;]$/\\1/p' \\
  | psql -X -q -v ON_ERROR_STOP=1 "$TARGET" -c "\\\\copy ${CLASSIC_TABLE} FROM STDIN WITH (FORMAT csv, QUOTE '''', ESCAPE '\\', NULL 'NULL')"
on_host "rm $file"
rm "$LOCAL/$vehicle.sql.gz"
`;

export interface ClassicPipeline {
  /** Syncs these vehicles, `width` at a time, and returns the milliseconds it took. */
  sync(vehicles: { id: string; above: number }[], width: number): Promise<number>;
  empty(): Promise<void>;
}

export async function createClassicPipeline(bench: Bench, reader: LegacyReader): Promise<ClassicPipeline> {
  const { stack, contenders, legacyDir } = bench;
  const local = join(stack.stateDir, 'classic');
  mkdirSync(local);
  const script = join(local, 'sync-vehicle.sh');
  writeFileSync(script, SCRIPT);
  chmodSync(script, 0o755);
  await createTable(bench);
  const env = {
    ...process.env,
    REMOTE: legacyDir,
    LOCAL: local,
    KEY: stack.ssh.privateKeyFile,
    PORT: String(stack.ssh.port),
    LOGIN: `${stack.ssh.user}@${stack.ssh.host}`,
    KNOWN: join(local, 'known_hosts'),
    TARGET: contenders.url,
    PGTZ: 'UTC',
  };
  const run = async (binary: string, args: string[]): Promise<void> => {
    const { exitCode, stderr } = await runCommand(binary, args, { env });
    if (exitCode !== 0) throw new Error(`classic pipeline: ${binary} ended with ${exitCode}: ${stderr.trim()}`);
  };
  await run('bash', ['-c', FIRST_LOGIN(stack.mariadb.host, stack.mariadb.port, reader)]);
  return {
    async sync(vehicles, width) {
      const places = pLimit(width);
      const startedAt = performance.now();
      await Promise.all(vehicles.map(({ id, above }) => places(() => run(script, [id, String(above)]))));
      return performance.now() - startedAt;
    },
    empty: async () => void (await contenders.pool.query(`TRUNCATE ${CLASSIC_TABLE}`)),
  };
}

/** Learns the host key and writes the option file with the reader's password, as an administrator does once. */
const FIRST_LOGIN = (host: string, port: number, { user, password }: LegacyReader): string => `
ssh-keyscan -p "$PORT" ${host} >"$KNOWN" 2>/dev/null
printf '[client]\\nhost=${host}\\nport=${port}\\nprotocol=tcp\\nuser=${user}\\npassword=%s\\n' '${password}' |
  ssh -F none -i "$KEY" -p "$PORT" -o BatchMode=yes -o UserKnownHostsFile="$KNOWN" "$LOGIN" "umask 077; cat >$REMOTE/reader.cnf"`;

/** Makes a table of the legacy columns, of the same kind as `positions` and with the same guard against doubled rows. */
async function createTable({ ours, contenders }: Bench): Promise<void> {
  const timescale = (await describePositionsStore(ours)) === 'timescaledb';
  await contenders.pool.query(`
    CREATE TABLE ${CLASSIC_TABLE} (
      id bigint NOT NULL, vehicle_id integer NOT NULL, device_time timestamp NOT NULL, fix_time timestamp, server_time timestamp,
      valid smallint NOT NULL, latitude double precision NOT NULL, longitude double precision NOT NULL, altitude double precision,
      speed double precision, course double precision, route_id varchar(20), trip_id bigint, headsign varchar(80),
      UNIQUE (vehicle_id, device_time, id)
    ) ${timescale ? '' : 'PARTITION BY RANGE (device_time)'}`);
  if (timescale) {
    await contenders.pool.query('CREATE EXTENSION IF NOT EXISTS timescaledb');
    await contenders.pool.query(
      `SELECT create_hypertable('${CLASSIC_TABLE}', 'device_time', chunk_time_interval => interval '7 days', create_default_indexes => false)`,
    );
    return;
  }
  await contenders.pool.query(
    `CREATE TABLE classic_positions_2015 PARTITION OF ${CLASSIC_TABLE} FOR VALUES FROM ('2015-01-01') TO ('2016-01-01')`,
  );
}
