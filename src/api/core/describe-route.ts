import { ApiBody, ApiExtension, ApiOperation, ApiParam, ApiQuery, ApiResponse, ApiSecurity } from '@nestjs/swagger';
import { z } from 'zod';
import type { RouteDefinition } from './route-definition.ts';

type Schema = Record<string, unknown>;

/** The body of every error of every endpoint. */
const PROBLEM: Schema = { $ref: '#/components/schemas/Problem' };

/** Describes a route for OpenAPI, from the schemas that check its input. */
export function describeRoute(definition: RouteDefinition): MethodDecorator[] {
  const { access, summary, description, params, query, body, answer, status = 200, also = {} } = definition;
  const keyed = access !== 'public';
  return [
    ApiOperation({
      summary,
      ...(description === undefined ? {} : { description }),
      ...(keyed ? {} : { security: [] }),
    }),
    ApiExtension('x-access', access),
    ...(keyed ? [ApiSecurity('apiKey')] : []),
    ...properties(params).map(([name, schema]) => ApiParam({ name, required: true, schema })),
    ...properties(query).map(([name, schema]) => ApiQuery({ name, required: false, schema })),
    ...(body === undefined
      ? []
      : [ApiBody({ required: !body.safeParse({}).success, schema: jsonSchema(body, 'input') })]),
    answered(status, answer),
    ...Object.entries(also).map(([code, text]) => described(Number(code), text)),
    ...(params !== undefined || query !== undefined || body !== undefined
      ? [described(400, 'The request is not what this takes; `errors` names field and rule.')]
      : []),
    ...(keyed
      ? [
          described(401, 'No key, or one that is not in force.'),
          described(403, 'The role of the key may not do this.'),
          described(429, 'The rate of the key is used up.'),
        ]
      : []),
    described(503, 'A part that this needs is down; `Retry-After` says when to ask again.'),
  ];
}

function answered(status: number, answer: RouteDefinition['answer']): MethodDecorator {
  if ('mediaType' in answer) {
    return ApiResponse({
      status,
      description: 'Done.',
      content: { [answer.mediaType]: { schema: { type: 'string' } } },
    });
  }
  const schema = jsonSchema(answer, 'output');
  return ApiResponse({ status, description: 'Done.', content: { 'application/json': { schema } } });
}

const described = (status: number, description: string): MethodDecorator =>
  ApiResponse({
    status,
    description,
    ...(status >= 400 ? { content: { 'application/problem+json': { schema: PROBLEM } } } : {}),
  });

function properties(shape: z.ZodObject | undefined): [string, Schema][] {
  if (shape === undefined) return [];
  return Object.entries((jsonSchema(shape, 'input')['properties'] ?? {}) as Record<string, Schema>);
}

/** OpenAPI 3.1 uses JSON Schema 2020-12, as zod does. */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
