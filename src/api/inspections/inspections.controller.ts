import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import { DISCOVER_VEHICLES, INSPECT_SERVER, READ_INSPECTION } from './inspections.routes.ts';
import { InspectionsService } from './inspections.service.ts';

/** The way from a login to a fleet that is synced. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync')
export class InspectionsController {
  readonly #inspections: InspectionsService;

  constructor(@Inject(InspectionsService) inspections: InspectionsService) {
    this.#inspections = inspections;
  }

  @Route(INSPECT_SERVER)
  inspect(@Input() { body: { reason, ...login } }: InputOf<typeof INSPECT_SERVER>, @CurrentActor() actor: Actor) {
    return this.#inspections.inspect(login, actor, reason);
  }

  @Route(READ_INSPECTION)
  inspection(@Input() { params }: InputOf<typeof READ_INSPECTION>) {
    return this.#inspections.read(params.serverId);
  }

  @Route(DISCOVER_VEHICLES)
  discover(@Input() { params, body }: InputOf<typeof DISCOVER_VEHICLES>, @CurrentActor() actor: Actor) {
    return this.#inspections.discover({ ...body, serverId: params.serverId }, actor);
  }
}
