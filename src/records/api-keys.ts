import { hash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import { type Queryable, inTransaction } from '../connections/postgres.ts';
import { Failure } from '../errors.ts';
import { recordAct } from './audit-log.ts';

export const ROLES = ['viewer', 'operator', 'admin'] as const;
/** Each role may do everything that the one before it may: read; start and steer; configure. */
export type Role = (typeof ROLES)[number];

export interface ApiKey {
  id: string;
  name: string;
  role: Role;
  createdBy: string;
  createdAt: Date;
  /** null: the key never expires. */
  expiresAt: Date | null;
  revokedAt: Date | null;
}

/** A key with what the access guard needs. */
export interface StoredApiKey extends ApiKey {
  secretSha256: Buffer;
}

const ID = /^[a-z0-9]{12}$/;
const COLUMNS = `id, name, role, created_by AS "createdBy", created_at AS "createdAt", expires_at AS "expiresAt", revoked_at AS "revokedAt"`;

export const hashSecret = (secret: string): Buffer => hash('sha256', secret, 'buffer');

/** Splits `id.secret` into its two parts; null for any other text. */
export function splitKey(text: string): { id: string; secret: string } | null {
  const [, id, secret] = /^([a-z0-9]{12})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/** Makes a key. The answer's `key` is shown only once, because only its hash is stored. Errors: InvalidConfiguration. */
export async function createApiKey(
  pool: pg.Pool,
  { name, role, actor, expiresAt = null }: { name: string; role: Role; actor: string; expiresAt?: Date | null },
): Promise<{ id: string; key: string }> {
  if (name.trim() === '' || !ROLES.includes(role)) {
    throw new Failure('InvalidConfiguration', `Creating an API key: it needs a name and one of ${ROLES.join(', ')}.`);
  }
  if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
    throw new Failure('InvalidConfiguration', `Creating an API key: ${expiresAt.toISOString()} is over already.`);
  }
  const id = randomBytes(6).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  await inTransaction(pool, async (client) => {
    await client.query(
      'INSERT INTO api_keys (id, name, role, secret_sha256, created_by, expires_at) VALUES ($1, $2, $3, $4, $5, $6)',
      [id, name.trim(), role, hashSecret(secret), actor, expiresAt],
    );
    const details = { name: name.trim(), role, expiresAt };
    await recordAct(client, { actor, action: 'api-key.created', subject: `api key ${id}`, details });
  });
  return { id, key: `${id}.${secret}` };
}

export async function listApiKeys(database: Queryable): Promise<ApiKey[]> {
  return (await database.query<ApiKey>(`SELECT ${COLUMNS} FROM api_keys ORDER BY created_at, id`)).rows;
}

/** Reads the keys that are not revoked. */
export async function readStoredApiKeys(database: Queryable): Promise<StoredApiKey[]> {
  const sql = `SELECT ${COLUMNS}, secret_sha256 AS "secretSha256" FROM api_keys WHERE revoked_at IS NULL`;
  return (await database.query<StoredApiKey>(sql)).rows;
}

/** Revokes a key; the API refuses it within seconds. Errors: NotFound for a key that is unknown or already revoked. */
export async function revokeApiKey(pool: pg.Pool, id: string, by: { actor: string; reason?: string }): Promise<void> {
  await inTransaction(pool, async (client) => {
    const { rowCount } = ID.test(id)
      ? await client.query('UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL', [id])
      : { rowCount: 0 };
    if (rowCount !== 1) {
      throw new Failure(
        'NotFound',
        `Revoking API key ${id}: no key of that id is in force. \`api-keys list\` shows them.`,
      );
    }
    await recordAct(client, { ...by, action: 'api-key.revoked', subject: `api key ${id}` });
  });
}
