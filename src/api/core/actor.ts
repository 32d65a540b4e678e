import { type ExecutionContext, createParamDecorator } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { Role } from '../../records/api-keys.ts';

/** The caller of a request. */
export interface Actor {
  name: string;
  role: Role;
  /** null: the caller is on this machine and has no key. */
  keyId: string | null;
  address: string;
  expiresAt: Date | null;
}

const actors = new WeakMap<object, Actor>();

export const rememberActor = (request: FastifyRequest, actor: Actor): void => void actors.set(request, actor);

/** The caller, as a parameter of handlers. Only for routes that are not public. */
export const CurrentActor = createParamDecorator(
  (_: unknown, context: ExecutionContext): Actor => actors.get(context.switchToHttp().getRequest<FastifyRequest>())!,
);
