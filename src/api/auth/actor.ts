import { type ExecutionContext, createParamDecorator } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Role } from '../../client/api-keys.ts';

/** Who asks. */
export interface Actor {
  name: string;
  role: Role;
  /** null: from this machine, without a key. */
  keyId: string | null;
  address: string;
  expiresAt: Date | null;
}

const actors = new WeakMap<object, Actor>();

export const rememberActor = (request: FastifyRequest, actor: Actor): void => void actors.set(request, actor);

/** Of a route that is not public. */
export const CurrentActor = createParamDecorator(
  (_: unknown, context: ExecutionContext): Actor => actors.get(context.switchToHttp().getRequest<FastifyRequest>())!,
);
