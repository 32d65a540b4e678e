import { Controller, Inject } from '@nestjs/common';
import { Route } from '../core/route.ts';
import { LIST_PAUSED } from './paused.routes.ts';
import { PausedService } from './paused.service.ts';

@Controller('api/v1/paused')
export class PausedController {
  readonly #paused: PausedService;

  constructor(@Inject(PausedService) paused: PausedService) {
    this.#paused = paused;
  }

  @Route(LIST_PAUSED)
  list() {
    return this.#paused.list();
  }
}
