import { Controller, Inject } from '@nestjs/common';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { LIST_SETTINGS, READ_SETTING, WRITE_SETTING } from './settings.routes.ts';
import { SettingsService } from './settings.service.ts';

@Controller('api/v1/settings')
export class SettingsController {
  readonly #settings: SettingsService;

  constructor(@Inject(SettingsService) settings: SettingsService) {
    this.#settings = settings;
  }

  @Route(LIST_SETTINGS)
  list(@Input() { query }: InputOf<typeof LIST_SETTINGS>) {
    return this.#settings.list(query.category);
  }

  @Route(READ_SETTING)
  read(@Input() { params }: InputOf<typeof READ_SETTING>) {
    return this.#settings.read(params.key);
  }

  @Route(WRITE_SETTING)
  write(@Input() { params, body }: InputOf<typeof WRITE_SETTING>, @CurrentActor() actor: Actor) {
    return this.#settings.write(params.key, body, actor);
  }
}
