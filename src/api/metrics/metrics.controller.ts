import { Controller, Header, Inject } from '@nestjs/common';
import { Route, route } from '../core/route.ts';
import { MetricsService } from './metrics.service.ts';

const METRICS = route({
  method: 'GET',
  path: '',
  access: 'viewer',
  summary:
    'For Prometheus: the pipeline’s execution time, success, volume and errors, the sync’s figures, and this process',
  answer: { mediaType: 'text/plain' },
});

@Controller('metrics')
export class MetricsController {
  readonly #metrics: MetricsService;

  constructor(@Inject(MetricsService) metrics: MetricsService) {
    this.#metrics = metrics;
  }

  @Route(METRICS)
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  read() {
    return this.#metrics.text();
  }
}
