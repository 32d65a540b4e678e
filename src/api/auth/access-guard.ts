import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ROLES, type Role } from '../../records/api-keys.ts';
import { Problem } from '../core/problem.ts';
import { ROUTE } from '../core/route.ts';
import type { RouteDefinition } from '../core/route-definition.ts';
import { rememberActor } from '../core/actor.ts';
import { Callers } from './callers.ts';

/** Lets nobody in unless the route says who may call it. Then it needs a key of that role, within the key's rate. */
@Injectable()
export class AccessGuard implements CanActivate {
  readonly #callers: Callers;

  constructor(@Inject(Callers) callers: Callers) {
    this.#callers = callers;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const definition = Reflect.getMetadata(ROUTE, context.getHandler()) as RouteDefinition | undefined;
    if (definition === undefined) throw new Problem('Forbidden', 'Nobody may do this: the endpoint has no rule.');
    if (definition.access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const actor = await this.#callers.identify(request, definition.access);
    const needed = definition.access === 'local' ? 'viewer' : definition.access;
    if (!mayActAs(actor.role, needed)) {
      throw new Problem(
        'Forbidden',
        `This needs the role ${needed}, and the key "${actor.name}" has the role ${actor.role}.`,
      );
    }
    rememberActor(request, actor);
    return true;
  }
}

export const mayActAs = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);
