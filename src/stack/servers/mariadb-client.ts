import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Stack } from '../running-stack.ts';

/** Runs statements as the legacy server's root and returns what the client printed (tab-separated, without headings). */
export async function runMariadb(
  { host, port, user }: Stack['mariadb'],
  sql: string | Uint8Array,
  database?: string,
): Promise<string> {
  const client = spawn('mariadb', [
    '--no-defaults',
    '--batch',
    '--skip-column-names',
    '--binary-mode',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
    `--host=${host}`,
    `--port=${port}`,
    `--user=${user}`,
    ...(database === undefined ? [] : [`--database=${database}`]),
  ]);
  client.stdin.on('error', () => {});
  client.stdin.end(sql);
  const exited = new Promise<number | null>((resolve, reject) => client.on('close', resolve).on('error', reject));
  const [output, complaint, status] = await Promise.all([text(client.stdout), text(client.stderr), exited]);
  if (status !== 0)
    throw new Error(`mariadb ended with ${status} on ${database ?? 'no database'}: ${complaint.trim()}`);
  return output;
}
