import { Controller, Inject } from '@nestjs/common';
import { Input, type InputOf, Route } from '../core/route.ts';
import { READ_KPIS } from './kpis.routes.ts';
import { KpisService } from './kpis.service.ts';

@Controller('api/v1/legacy-sync/kpis')
export class KpisController {
  readonly #kpis: KpisService;

  constructor(@Inject(KpisService) kpis: KpisService) {
    this.#kpis = kpis;
  }

  @Route(READ_KPIS)
  read(@Input() { query }: InputOf<typeof READ_KPIS>) {
    return this.#kpis.read(query.window);
  }
}
