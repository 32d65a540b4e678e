import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { listActs } from '../../records/audit-log.ts';
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
    const page = { limit: limit + 1, before: numberCursor(after), actor, action };
    const rows = await listActs(this.#database.reader, page);
    return pageOf('entries', rows, limit, ({ id }) => id);
  }
}
