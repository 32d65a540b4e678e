import {
  type ExecutionContext,
  HttpCode,
  RequestMapping,
  RequestMethod,
  SetMetadata,
  applyDecorators,
  createParamDecorator,
} from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { describeRoute } from './describe-route.ts';
import { type FieldError, Problem } from './problem.ts';
import type { RouteDefinition, Shape } from './route-definition.ts';

type Parsed<T> = T extends z.ZodType ? z.output<T> : Record<string, never>;

export interface InputOf<R extends RouteDefinition> {
  params: Parsed<R['params']>;
  query: Parsed<R['query']>;
  body: Parsed<R['body']>;
}

export const ROUTE = 'fleetgraph:route';

export const route = <const P extends Shape, const Q extends Shape, const B extends z.ZodType | undefined>(
  definition: RouteDefinition<P, Q, B>,
): RouteDefinition<P, Q, B> & { params: P; query: Q; body: B } =>
  definition as RouteDefinition<P, Q, B> & { params: P; query: Q; body: B };

/** Makes a method the handler of an endpoint. A method without it is no endpoint, so every endpoint has an access rule. */
export const Route = (definition: RouteDefinition): MethodDecorator =>
  applyDecorators(
    RequestMapping({ method: RequestMethod[definition.method], path: definition.path }),
    HttpCode(definition.status ?? 200),
    SetMetadata(ROUTE, definition),
    ...describeRoute(definition),
  ) as MethodDecorator;

/** Passes the request's parameters, query and body, checked by the endpoint's definition. Throws InvalidRequest. */
export const Input = createParamDecorator((_: unknown, context: ExecutionContext): InputOf<RouteDefinition> => {
  const { params, query, body } = context.switchToHttp().getRequest<FastifyRequest>();
  const definition = Reflect.getMetadata(ROUTE, context.getHandler()) as RouteDefinition;
  const errors: FieldError[] = [];
  const parse = (place: string, schema: z.ZodType | undefined, value: unknown): never => {
    if (schema === undefined) return {} as never;
    errors.push(...unstorable([place], value));
    if (errors.length > 0) return {} as never;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data as never;
    for (const issue of parsed.error.issues) errors.push(...fieldErrors(place, issue));
    return {} as never;
  };
  const input = {
    params: parse('path', definition.params, params ?? {}),
    query: parse('query', definition.query, query ?? {}),
    body: parse('body', definition.body, body === undefined ? {} : body),
  };
  if (errors.length === 0) return input;
  const named = errors.map(({ field, message }) => `${field}: ${message}`).join('; ');
  throw new Problem('InvalidRequest', `The request is not what this endpoint takes: ${named}.`, { errors });
});

/** Limit for nested input. No endpoint takes input that is nearly as deep. */
const DEEPEST = 100;

/** Finds texts with U+0000: PostgreSQL cannot store it, and no client means it. */
function unstorable(path: string[], value: unknown): FieldError[] {
  if (path.length > DEEPEST) {
    return [{ field: path[0]!, rule: 'too_deep', message: `is nested more than ${DEEPEST} deep` }];
  }
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, each]) => unstorable([...path, key], each));
  }
  if (![value, path.at(-1)].some((text) => typeof text === 'string' && text.includes('\0'))) return [];
  return [{ field: path.join('.'), rule: 'nul_character', message: 'holds the character U+0000' }];
}

function fieldErrors(place: string, issue: z.core.$ZodIssue): FieldError[] {
  const at = (path: PropertyKey[]): string => [place, ...path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      field: at([...issue.path, key]),
      rule: 'unknown_field',
      message: 'is not a field of this endpoint',
    }));
  }
  return [{ field: at(issue.path), rule: issue.code, message: issue.message }];
}
