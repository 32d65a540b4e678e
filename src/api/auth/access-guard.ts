import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ROLES, type Role } from '../../client/api-keys.ts';
import type { Config } from '../../config.ts';
import { Problem } from '../core/problem.ts';
import { ROUTE, type RouteDefinition } from '../core/route.ts';
import { CONFIG } from '../core/tokens.ts';
import { type Actor, rememberActor } from './actor.ts';
import { KeyRing } from './key-ring.ts';

const A_MINUTE_SECONDS = 60;
/** Of one address and minute: more is no mistake. */
const BAD_KEYS = 60;

/** Who may: nobody, unless the route says so. Then a key of that role, within its rate. */
@Injectable()
export class AccessGuard implements CanActivate {
  readonly #keys: KeyRing;
  readonly #config: Config;
  readonly #perKey: RateLimiterMemory;
  readonly #badKeys = new RateLimiterMemory({ points: BAD_KEYS, duration: A_MINUTE_SECONDS });

  constructor(@Inject(KeyRing) keys: KeyRing, @Inject(CONFIG) config: Config) {
    this.#keys = keys;
    this.#config = config;
    this.#perKey = new RateLimiterMemory({ points: config.api.ratePerMinute, duration: A_MINUTE_SECONDS });
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const definition = Reflect.getMetadata(ROUTE, context.getHandler()) as RouteDefinition | undefined;
    if (definition === undefined) throw new Problem('Forbidden', 'Nobody may do this: the endpoint has no rule.');
    if (definition.access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const actor = await this.#identify(request, definition);
    await consume(this.#perKey, actor.keyId ?? actor.address, 'This key has used up its requests of the minute.');
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

  async #identify(request: FastifyRequest, { access }: RouteDefinition): Promise<Actor> {
    const address = request.socket.remoteAddress ?? 'unknown';
    const text = presentedKey(request);
    if (text === null) {
      if (access === 'local' && this.#config.api.loopbackReads && isFromThisMachine(request)) {
        return { name: 'this machine', role: 'viewer', keyId: null, address, expiresAt: null };
      }
      throw new Problem('Unauthenticated', 'This needs a key: Authorization: Bearer <id>.<secret>.');
    }
    const key = await this.#keys.find(text);
    if (key !== null) {
      return { name: key.name, role: key.role, keyId: key.id, address, expiresAt: key.expiresAt };
    }
    await consume(this.#badKeys, address, 'Too many bad keys came from this address.');
    throw new Problem('Unauthenticated', 'The key is unknown, expired or revoked.');
  }
}

export const mayActAs = (role: Role, needed: Role): boolean => ROLES.indexOf(role) >= ROLES.indexOf(needed);

function presentedKey({ headers }: FastifyRequest): string | null {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const other = headers['x-api-key'];
  return bearer ?? (typeof other === 'string' ? other : (headers.authorization ?? null));
}

/** Neither through a proxy nor by a name that somebody else's page may have pointed here. */
function isFromThisMachine({ socket, headers }: FastifyRequest): boolean {
  const loopback = /^(127\.|::1$|::ffff:127\.)/.test(socket.remoteAddress ?? '');
  const forwarded = headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined;
  return loopback && !forwarded && /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/.test(headers.host ?? '');
}

async function consume(limiter: RateLimiterMemory, who: string, message: string): Promise<void> {
  try {
    await limiter.consume(who);
  } catch (refused) {
    if (!(refused instanceof RateLimiterRes)) throw refused;
    throw new Problem('RateLimited', message, { retryAfterSeconds: Math.ceil(refused.msBeforeNext / 1000) });
  }
}
