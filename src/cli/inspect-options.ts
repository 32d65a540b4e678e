import { resolve } from 'node:path';
import { z } from 'zod';
import { offeredHostKey } from '../connections/ssh/offered-host-key.ts';
import { Failure } from '../errors.ts';
import { legacyServerSchema, type ServerAddress, serverAddressSchema } from '../settings/legacy-server.ts';
import { serverIdOf } from '../settings/server-id-of.ts';
import { ask, asksYes } from './ask.ts';
import { readJsonFile } from './json-file.ts';

/** The flags of `servers inspect`; each wins over the field of the same meaning in the file. */
export interface InspectFlags {
  id?: string;
  host?: string;
  port?: string;
  user?: string;
  key?: string;
  fingerprint?: string;
  acceptNewHostKey?: boolean;
  mysqlHost?: string;
  mysqlPort?: string;
  mysqlUser?: string;
  mysqlPassword?: string;
  database?: string;
  table?: string;
  timeZone?: string;
}

type Fields = Record<string, unknown>;

/** What has to be known, with what is asked for it. */
const NEEDED: [field: keyof ServerAddress, flag: string, question: string][] = [
  ['host', '--host', 'host that sshd runs on'],
  ['user', '--user', 'login there'],
  ['privateKeyRef', '--key', 'private key: file:/path or env:NAME'],
  ['mysqlUser', '--mysql-user', 'MySQL user'],
];

/**
 * The way to a server, and what to look for there, from a file, flags and, on a terminal, answers. Errors: InvalidConfiguration, naming each flag
 * that is missing or wrong.
 */
export async function readInspectRequest(file: string | undefined, flags: InspectFlags) {
  const fields: Fields = {
    ...(file === undefined ? {} : fieldsOf(await readJsonFile(file), file)),
    ...fromFlags(flags),
  };
  await askForMissing(fields);
  fields.id ??= serverIdOf(String(fields.host));
  fields.port ??= 22;
  if (fields.hostKeyFingerprints === undefined) fields.hostKeyFingerprints = [await firstHostKey(fields, flags)];
  const { database, timeZone, columns: _columns, ...address } = fields;
  const server = serverAddressSchema.safeParse(address);
  if (!server.success)
    throw new Failure('InvalidConfiguration', `Inspecting ${String(fields.host)}:\n${z.prettifyError(server.error)}`);
  return {
    server: server.data,
    database: database as string | undefined,
    timeZone: timeZone as string | undefined,
    table: flags.table,
  };
}

function fieldsOf(content: unknown, file: string): Fields {
  const known = legacyServerSchema.partial().loose().safeParse(content);
  if (known.success) return content as Fields;
  throw new Failure('InvalidConfiguration', `Reading ${file}:\n${z.prettifyError(known.error)}`);
}

function fromFlags(flags: InspectFlags): Fields {
  const fields: Fields = {
    id: flags.id,
    host: flags.host,
    port: flags.port === undefined ? undefined : Number(flags.port),
    user: flags.user,
    privateKeyRef: reference(flags.key),
    hostKeyFingerprints: flags.fingerprint?.split(','),
    mysqlHost: flags.mysqlHost,
    mysqlPort: flags.mysqlPort === undefined ? undefined : Number(flags.mysqlPort),
    mysqlUser: flags.mysqlUser,
    mysqlPasswordRef: reference(flags.mysqlPassword),
    database: flags.database,
    timeZone: flags.timeZone,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** A path is a reference to its file. */
function reference(text: string | undefined): string | undefined {
  return text === undefined || /^(file|env):/.test(text) ? text : `file:${resolve(text)}`;
}

async function askForMissing(fields: Fields): Promise<void> {
  const missing = NEEDED.filter(([field]) => fields[field] === undefined);
  if (missing.length === 0) return;
  if (!process.stdin.isTTY) {
    const flags = missing.map(([, flag, question]) => `${flag} (${question})`).join(', ');
    throw new Failure('InvalidConfiguration', `Inspecting a legacy server: give ${flags}, or a file that has them.`);
  }
  for (const [field, , question] of missing) {
    const answer = await ask(`${question}: `);
    fields[field] = field === 'privateKeyRef' ? reference(answer) : answer;
  }
  if (fields.mysqlPasswordRef === undefined) {
    const answer = await ask('MySQL password: file:/path or env:NAME (empty: the login’s own .my.cnf): ');
    fields.mysqlPasswordRef = answer === '' ? null : reference(answer);
  }
}

/** A key that nobody has named is only taken by somebody who says so. */
async function firstHostKey(fields: Fields, { acceptNewHostKey }: InspectFlags): Promise<string> {
  const [host, port] = [String(fields.host), Number(fields.port)];
  const legacyAlgorithms = (fields.limits as { legacyAlgorithms?: boolean } | undefined)?.legacyAlgorithms === true;
  const offered = await offeredHostKey({ host, port, legacyAlgorithms });
  if (acceptNewHostKey === true) return offered;
  const how =
    'Compare it with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` (or the key of that kind) on the host’s console';
  if (process.stdin.isTTY && (await asksYes(`${host} shows the host key ${offered}. ${how}. Is it the same?`)))
    return offered;
  throw new Failure(
    'HostKeyMismatch',
    `Inspecting ${host}:${port}: it shows the host key ${offered}, and none was named. Nothing was sent. ${how}, and give it as --fingerprint; --accept-new-host-key takes it unseen.`,
  );
}
