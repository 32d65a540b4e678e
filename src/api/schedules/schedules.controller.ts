import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import {
  DELETE_SCHEDULE,
  LIST_SCHEDULES,
  PAUSE_SCHEDULE,
  PUT_SCHEDULE,
  READ_SCHEDULE,
  RESUME_SCHEDULE,
} from './schedules.routes.ts';
import { SchedulesService } from './schedules.service.ts';

/** When fleet syncs start by themselves. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync/schedules')
export class SchedulesController {
  readonly #schedules: SchedulesService;

  constructor(@Inject(SchedulesService) schedules: SchedulesService) {
    this.#schedules = schedules;
  }

  @Route(LIST_SCHEDULES)
  schedules() {
    return this.#schedules.list();
  }

  @Route(READ_SCHEDULE)
  schedule(@Input() { params }: InputOf<typeof READ_SCHEDULE>) {
    return this.#schedules.read(params.name);
  }

  @Route(PUT_SCHEDULE)
  putSchedule(@Input() { params, body }: InputOf<typeof PUT_SCHEDULE>, @CurrentActor() actor: Actor) {
    return this.#schedules.put(params.name, body, actor);
  }

  @Route(PAUSE_SCHEDULE)
  pauseSchedule(@Input() { params, body }: InputOf<typeof PAUSE_SCHEDULE>, @CurrentActor() actor: Actor) {
    return this.#schedules.pause(params.name, actor, body.reason);
  }

  @Route(RESUME_SCHEDULE)
  resumeSchedule(@Input() { params, body }: InputOf<typeof RESUME_SCHEDULE>, @CurrentActor() actor: Actor) {
    return this.#schedules.resume(params.name, actor, body.reason);
  }

  @Route(DELETE_SCHEDULE)
  deleteSchedule(@Input() { params, body }: InputOf<typeof DELETE_SCHEDULE>, @CurrentActor() actor: Actor) {
    return this.#schedules.delete(params.name, actor, body.reason);
  }
}
