import type { ServerAccount } from './server-account.ts';

export type ServerName = 'postgres' | 'mariadb' | 'sshd' | 'redis' | 'temporal';

// A probe that is no longer needed (its server ended, or another program has the port) must not keep our process alive.
export const PROBE_TIMEOUT_MS = 5_000;

/** What the launcher has to know about one kind of server. */
export interface ServerSpec {
  name: ServerName;
  title: string;
  /** Its folder below the state folder. It is the working directory, too, by which the sweep finds processes without a record. */
  dir: string;
  account: ServerAccount;
  stopSignal: 'SIGINT' | 'SIGTERM';
  /** What the server writes when it exits because its port is taken. */
  busyText: RegExp;
  environment?: Record<string, string>;
  /** Makes the data folder, if there is none. */
  prepare(): Promise<void>;
  /** Clears what a killed server left behind; runs before every start. */
  beforeStart?(): Promise<void>;
  command(port: number): Promise<string[]>;
  /** Tries once. It throws until the process with this pid answers, and gives up after PROBE_TIMEOUT_MS. */
  ready(port: number, pid: number): Promise<void>;
  afterStop?(port: number): Promise<void>;
}
