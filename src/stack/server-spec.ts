import type { ServerAccount } from './server-account.ts';

export type ServerName = 'postgres' | 'mariadb' | 'sshd' | 'redis' | 'temporal';

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
  /** One try: throws until this very process serves. */
  ready(port: number, pid: number): Promise<void>;
  afterStop?(port: number): Promise<void>;
}
