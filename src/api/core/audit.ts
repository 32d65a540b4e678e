import { Inject, Injectable } from '@nestjs/common';
import { type Act, recordAct } from '../../records/audit-log.ts';
import type { Actor } from './actor.ts';
import { Database } from './database.ts';

/** An act for which a request asked. */
export type ActOfRequest = Omit<Act, 'actor'> & { actor: Actor };

/** Writes the audit log for requests. It adds the key that was used and the caller's address. */
@Injectable()
export class Audit {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async record({ actor, details, ...act }: ActOfRequest): Promise<void> {
    const { name, keyId, address } = actor;
    await recordAct(this.#database.reader, { ...act, actor: name, details: { ...details, keyId, address } });
  }
}
