import { Controller, Inject } from '@nestjs/common';
import { Route } from '../core/route.ts';
import { LIVE, READY } from './health.routes.ts';
import { HealthService } from './health.service.ts';

@Controller('health')
export class HealthController {
  readonly #health: HealthService;

  constructor(@Inject(HealthService) health: HealthService) {
    this.#health = health;
  }

  @Route(LIVE)
  live() {
    return { status: 'ok' };
  }

  @Route(READY)
  ready() {
    return this.#health.answer();
  }
}
