import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Callers } from '../auth/callers.ts';
import { OpenApi } from '../docs/open-api.ts';
import { Problem } from '../core/problem.ts';
import type { Access } from '../core/route-definition.ts';

interface KnownPath {
  pattern: RegExp;
  methods: string[];
  access: Access[];
}

/** Answers a wrong method with the methods that the path has. */
@Injectable()
export class AllowedMethods {
  readonly #openApi: OpenApi;
  readonly #callers: Callers;
  #known: KnownPath[] | null = null;

  constructor(@Inject(OpenApi) openApi: OpenApi, @Inject(Callers) callers: Callers) {
    this.#openApi = openApi;
    this.#callers = callers;
  }

  /** Replaces the router's `error` by MethodNotAllowed when the caller may know the path. Otherwise returns `error`. */
  async instead(error: unknown, request: FastifyRequest): Promise<unknown> {
    const path = request.url.split('?')[0]!;
    this.#known ??= knownPaths(this.#openApi);
    const matching = this.#known.filter(({ pattern }) => pattern.test(path));
    const allow = [...new Set(matching.flatMap(({ methods }) => methods))].sort();
    if (allow.length === 0 || allow.includes(request.method)) return error;
    const access = matching.flatMap((each) => each.access);
    try {
      if (!access.includes('public')) {
        await this.#callers.identify(request, access.includes('local') ? 'local' : 'viewer');
      }
    } catch {
      return error;
    }
    const message = `${path} does not take ${request.method}: it takes ${allow.join(', ')}. /docs shows what for.`;
    return new Problem('MethodNotAllowed', message, { allow });
  }
}

function knownPaths({ document }: OpenApi): KnownPath[] {
  return Object.entries(document?.paths ?? {}).map(([path, operations]) => {
    const methods = Object.keys(operations).map((method) => method.toUpperCase());
    return {
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      // Fastify answers HEAD wherever there is a GET.
      methods: methods.includes('GET') ? [...methods, 'HEAD'] : methods,
      access: Object.values(operations).map((operation) => (operation as { 'x-access': Access })['x-access']),
    };
  });
}
