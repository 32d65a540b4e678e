import { Inject, Injectable } from '@nestjs/common';
import type { Actor } from '../auth/actor.ts';
import { Database } from './database.ts';

export interface Act {
  actor: Actor;
  action: string;
  subject: string;
  reason?: string | undefined;
  details?: Record<string, unknown>;
}

/** Who did what, and why. Written before the act: what cannot be recorded is not done. */
@Injectable()
export class Audit {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  async record({ actor, action, subject, reason, details = {} }: Act): Promise<void> {
    await this.#database.rows(
      'INSERT INTO audit_log (actor, action, subject, reason, details) VALUES ($1, $2, $3, $4, $5)',
      [actor.name, action, subject, reason ?? null, { ...details, keyId: actor.keyId, address: actor.address }],
    );
  }
}
