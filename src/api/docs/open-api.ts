import { type INestApplication, Injectable } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { FAILURES } from '../../errors.ts';

const PROBLEM = {
  type: 'object',
  description: 'The error body: the spec’s `success` and `error`, a stable `code`, and the fields of RFC 9457.',
  required: ['success', 'error', 'code', 'type', 'title', 'status', 'detail', 'instance'],
  properties: {
    success: { const: false },
    error: { type: 'string' },
    code: { type: 'string', enum: Object.keys(FAILURES) },
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['field', 'rule', 'message'],
        properties: { field: { type: 'string' }, rule: { type: 'string' }, message: { type: 'string' } },
      },
    },
    link: { type: 'string', description: 'Where to look instead.' },
  },
};

/** These three were one controller once. Their operations keep the old names, because clients are generated from them. */
const FLEET = new Set(['Vehicles', 'Servers', 'Quarantine']);
const groupOf = (controller: string): string => (FLEET.has(controller) ? 'Fleet' : controller);

/** The OpenAPI description of the API, made once from its routes. */
@Injectable()
export class OpenApi {
  document: OpenAPIObject | null = null;

  describe(app: INestApplication): OpenAPIObject {
    const config = new DocumentBuilder()
      .setOpenAPIVersion('3.1.0')
      .setTitle('fleetgraph')
      .setDescription('Starts, watches and steers the legacy sync and the transport-graph pipeline.')
      .setVersion('1.0.0')
      .setLicense('UNLICENSED', 'https://spdx.org/licenses/')
      .addServer('/')
      .addSecurity('apiKey', {
        type: 'http',
        scheme: 'bearer',
        description: '`<id>.<secret>`, made by `fleetgraph api-keys create`.',
      })
      .build();
    const document = SwaggerModule.createDocument(app, config, {
      operationIdFactory: (controller, method) => `${groupOf(controller.replace(/Controller$/, ''))}_${method}`,
      autoTagControllers: true,
    });
    document.components = {
      ...document.components,
      schemas: { ...document.components?.schemas, Problem: PROBLEM as never },
    };
    // Nest lists paths in the order of its modules. Sorting keeps the description unchanged when an import moves.
    document.paths = Object.fromEntries(Object.entries(document.paths).sort(([a], [b]) => (a < b ? -1 : 1)));
    this.document = document;
    return document;
  }
}
