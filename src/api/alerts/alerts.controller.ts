import { Controller, Inject } from '@nestjs/common';
import { Route } from '../core/route.ts';
import { LIST_OPEN_ALERTS } from './alerts.routes.ts';
import { AlertsService } from './alerts.service.ts';

@Controller('api/v1/alerts')
export class AlertsController {
  readonly #alerts: AlertsService;

  constructor(@Inject(AlertsService) alerts: AlertsService) {
    this.#alerts = alerts;
  }

  @Route(LIST_OPEN_ALERTS)
  listOpen() {
    return this.#alerts.listOpen();
  }
}
