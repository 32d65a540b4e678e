import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Controller, Header, Inject } from '@nestjs/common';
import { z } from 'zod';
import { Route, route } from '../core/route.ts';
import { OpenApi } from './open-api.ts';

const ASSETS = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
const STYLE = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';

const PAGE = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>fleetgraph API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
`;
const START = `SwaggerUIBundle({ url: '/docs/openapi.json', dom_id: '#ui', deepLinking: true, validatorUrl: null });\n`;

const asset = (path: string, mediaType: string) =>
  route({
    method: 'GET',
    path,
    access: 'public',
    summary: `Part of the page /docs: ${path || 'the page'}`,
    answer: { mediaType },
  });

const OPENAPI = route({
  method: 'GET',
  path: 'openapi.json',
  access: 'public',
  summary: 'This description, OpenAPI 3.1',
  answer: z.record(z.string(), z.unknown()),
});

/** Serves the description of the API, and a page to read it that needs no other host. */
@Controller('docs')
export class DocsController {
  readonly #openApi: OpenApi;

  constructor(@Inject(OpenApi) openApi: OpenApi) {
    this.#openApi = openApi;
  }

  @Route(OPENAPI)
  document() {
    return this.#openApi.document;
  }

  @Route(asset('', 'text/html'))
  @Header('content-type', 'text/html; charset=utf-8')
  page() {
    return PAGE;
  }

  @Route(asset('start.js', 'text/javascript'))
  @Header('content-type', SCRIPT)
  start() {
    return START;
  }

  @Route(asset('swagger-ui.css', 'text/css'))
  @Header('content-type', STYLE)
  style() {
    return readFile(join(ASSETS, 'swagger-ui.css'), 'utf8');
  }

  @Route(asset('swagger-ui-bundle.js', 'text/javascript'))
  @Header('content-type', SCRIPT)
  bundle() {
    return readFile(join(ASSETS, 'swagger-ui-bundle.js'), 'utf8');
  }
}
