import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Config } from '../../config.ts';
import { Problem } from '../core/problem.ts';
import type { Access } from '../core/route-definition.ts';
import { CONFIG } from '../core/tokens.ts';
import type { Actor } from '../core/actor.ts';
import { KeyRing } from './key-ring.ts';

const A_MINUTE_SECONDS = 60;
/** Allowed bad keys per address and minute. More than this is not a typing mistake. */
const BAD_KEYS = 60;

/** Identifies the caller by the key in the request. */
@Injectable()
export class Callers {
  readonly #keys: KeyRing;
  readonly #config: Config;
  readonly #perKey: RateLimiterMemory;
  readonly #badKeys = new RateLimiterMemory({ points: BAD_KEYS, duration: A_MINUTE_SECONDS });

  constructor(@Inject(KeyRing) keys: KeyRing, @Inject(CONFIG) config: Config) {
    this.#keys = keys;
    this.#config = config;
    this.#perKey = new RateLimiterMemory({ points: config.api.ratePerMinute, duration: A_MINUTE_SECONDS });
  }

  /** Identifies the caller and counts the request against their rate. Throws Unauthenticated or RateLimited. */
  async identify(request: FastifyRequest, access: Access): Promise<Actor> {
    const actor = await this.#find(request, access);
    await consume(this.#perKey, actor.keyId ?? actor.address, 'This key has used up its requests of the minute.');
    return actor;
  }

  async #find(request: FastifyRequest, access: Access): Promise<Actor> {
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

function presentedKey({ headers }: FastifyRequest): string | null {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  const other = headers['x-api-key'];
  return bearer ?? (typeof other === 'string' ? other : (headers.authorization ?? null));
}

/** A request through a proxy does not count, and neither does one under another host name: a foreign page may have pointed its own name here. */
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
