import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schema } from '../e2e/legacy-schemas/traccar-6/rows.ts';
import { invent } from '../e2e/legacy-schemas/schema.ts';
import { type LegacyDatabase, type SharedStack, legacyDatabase } from './stack.ts';

const SCHEMA = join(import.meta.dirname, '../e2e/legacy-schemas/traccar-6/schema.sql');

export interface TraccarDepot {
  database: LegacyDatabase;
  /** What an operator has who has only a login, without the host's key. */
  login: Record<'host' | 'user' | 'privateKeyRef' | 'mysqlUser' | 'mysqlPasswordRef', string> &
    Record<'port' | 'mysqlPort', number>;
}

/** A database as Traccar makes it, with three buses, and the login to it. */
export async function openTraccarDepot({ ssh }: SharedStack): Promise<TraccarDepot> {
  const database = await legacyDatabase();
  await database.query(`${readFileSync(SCHEMA, 'utf8')}\n${schema.insert(invent())}`);
  return {
    database,
    login: {
      host: ssh.host,
      port: ssh.port,
      user: ssh.user,
      privateKeyRef: `file:${ssh.privateKeyFile}`,
      mysqlPort: ssh.mysqlPort,
      mysqlUser: database.user,
      mysqlPasswordRef: database.passwordRef,
    },
  };
}
