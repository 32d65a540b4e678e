import { readFileSync } from 'node:fs';
import { holdsSocket } from '../../src/stack/processes.ts';

const ESTABLISHED = '01';

/** Whether the process has a TCP connection to the port of 127.0.0.1 that the other end has not closed. */
export function isConnected(pid: number, port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1);
  const sockets = rows.map((row) => row.trim().split(/\s+/));
  const open = sockets.filter(([, , remote, state]) => state === ESTABLISHED && remote?.endsWith(`:${hexPort}`));
  return holdsSocket(pid, new Set(open.map((fields) => fields[9]!)));
}
