import { userInfo } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { ROLES, type Role, createApiKey, listApiKeys, revokeApiKey } from '../../records/api-keys.ts';
import { plainTable } from '../run-table.ts';
import { withSession } from '../session.ts';

const DAY_MS = 86_400_000;

export const apiKeysCommand = (): Command => {
  const command = new Command('api-keys').description('keys of the REST API');
  command
    .command('create')
    .description('make a key and print it; it cannot be shown again')
    .argument('<name>', 'who or what will use it')
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).default('viewer'))
    .option('--expires-in-days <n>', 'after so many days it is no longer taken', parseDays)
    .action(create);
  command.command('list').description('every key, without its secret').action(list);
  command
    .command('revoke')
    .description('end a key; the API follows within seconds')
    .argument('<id>', 'the part of the key before the dot')
    .option('--reason <text>', 'why, for the audit log')
    .action(revoke);
  return command;
};

async function create(name: string, { role, expiresInDays }: { role: Role; expiresInDays?: number }): Promise<void> {
  const expiresAt = expiresInDays === undefined ? null : new Date(Date.now() + expiresInDays * DAY_MS);
  const { key } = await withSession(({ postgres }) =>
    createApiKey(postgres, { name, role, actor: userInfo().username, expiresAt }),
  );
  console.log(key);
}

async function list(): Promise<void> {
  const keys = await withSession(({ postgres }) => listApiKeys(postgres));
  const rows = keys.map(({ id, name, role, createdAt, expiresAt, revokedAt }) => [
    id,
    name,
    role,
    createdAt.toISOString(),
    expiresAt?.toISOString() ?? 'never',
    revokedAt === null ? (expiresAt !== null && expiresAt <= new Date() ? 'expired' : 'in force') : 'revoked',
  ]);
  console.log(plainTable(['id', 'name', 'role', 'created', 'expires', 'state'], rows, 6));
}

async function revoke(id: string, { reason }: { reason?: string }): Promise<void> {
  const by = { actor: userInfo().username, ...(reason === undefined ? {} : { reason }) };
  await withSession(({ postgres }) => revokeApiKey(postgres, id, by));
  console.log(`${id} is revoked`);
}

function parseDays(text: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new InvalidArgumentError('a whole number of days is needed.');
  return Number(text);
}
