import { Controller, Inject } from '@nestjs/common';
import { z } from 'zod';
import { ROLES } from '../../records/api-keys.ts';
import type { Config } from '../../config.ts';
import { Route, route } from '../core/route.ts';
import { TemporalGateway } from '../core/temporal-gateway.ts';
import { CONFIG } from '../core/tokens.ts';
import { type Actor, CurrentActor } from '../core/actor.ts';

const SESSION = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary: 'Who the key is, and where runs can be looked at',
  answer: z.strictObject({
    success: z.literal(true),
    key: z.strictObject({
      id: z.string().nullable(),
      name: z.string(),
      role: z.enum(ROLES),
      expiresAt: z.iso.datetime().nullable(),
    }),
    temporal: z.strictObject({ namespace: z.string(), uiUrl: z.string().nullable() }),
  }),
});

/** Tells programs what their key may do, so that they can show it. */
@Controller('api/v1/session')
export class SessionController {
  readonly #temporal: { namespace: string; uiUrl: string | null };

  constructor(@Inject(CONFIG) config: Config, @Inject(TemporalGateway) { namespace }: TemporalGateway) {
    this.#temporal = { namespace, uiUrl: config.api.temporalUiUrl };
  }

  @Route(SESSION)
  read(@CurrentActor() { keyId, name, role, expiresAt }: Actor) {
    const key = { id: keyId, name, role, expiresAt: expiresAt?.toISOString() ?? null };
    return { success: true, key, temporal: this.#temporal };
  }
}
