import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { Database } from '../core/database.ts';
import { numberCursor, pageOf } from '../core/pages.ts';
import { Input, type InputOf, Route, route } from '../core/route.ts';
import { page, pageQuery } from '../core/shapes.ts';

const AUDIT = route({
  method: 'GET',
  path: '',
  access: 'admin',
  summary: 'Who did what and why, the latest first',
  query: pageQuery.extend({ actor: z.string().max(200).optional(), action: z.string().max(100).optional() }),
  answer: page(
    'entries',
    z.strictObject({
      id: z.string(),
      at: z.iso.datetime(),
      actor: z.string(),
      action: z.string(),
      subject: z.string(),
      reason: z.string().nullable(),
      details: z.record(z.string(), z.unknown()),
    }),
  ),
});

@Controller('api/v1/audit')
export class AuditController {
  readonly #database: Database;

  constructor(@Inject(Database) database: Database) {
    this.#database = database;
  }

  @Route(AUDIT)
  async list(@Input() { query: { limit, after, actor, action } }: InputOf<typeof AUDIT>) {
    const rows = await this.#database.rows<{ id: string }>(
      `SELECT id::text, at, actor, action, subject, reason, details FROM audit_log
        WHERE ($2::bigint IS NULL OR id < $2) AND ($3::text IS NULL OR actor = $3) AND ($4::text IS NULL OR action = $4)
        ORDER BY audit_log.id DESC LIMIT $1`,
      [limit + 1, numberCursor(after), actor ?? null, action ?? null],
    );
    return pageOf('entries', rows, limit, ({ id }) => id);
  }
}
