import type { ServerAccount } from './server-account.ts';

export type ServerName = 'postgres' | 'mariadb' | 'sshd' | 'redis' | 'temporal';

// A probe that lost its race (its server ended, a silent stranger has the port) must not keep our process alive.
export const PROBE_TIMEOUT_MS = 5_000;

/** What the launcher has to know about one kind of server. */
export interface ServerSpec {
  name: ServerName;
  title: string;
  /** Its folder below the state folder; also its working directory, by which the sweep finds strays. */
  dir: string;
  account: ServerAccount;
  stopSignal: 'SIGINT' | 'SIGTERM';
  /** What it writes before it exits because its port is taken. */
  busyText: RegExp;
  environment?: Record<string, string>;
  /** Makes the data folder, if there is none. */
  prepare(): Promise<void>;
  /** Clears what a killed server left behind; runs before every start. */
  beforeStart?(): Promise<void>;
  command(port: number): Promise<string[]>;
  /** One try: throws until this very process serves, and ends by itself when nothing answers (PROBE_TIMEOUT_MS). */
  ready(port: number, pid: number): Promise<void>;
  afterStop?(port: number): Promise<void>;
}
