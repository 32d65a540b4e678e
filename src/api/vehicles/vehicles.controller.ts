import { Controller, Inject } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { type Actor, CurrentActor } from '../core/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import {
  CHANGE_VEHICLE,
  CREATE_VEHICLE,
  LIST_SYNCS_OF_VEHICLE,
  LIST_VEHICLES,
  READ_DIFFERENCES,
  READ_TRACK,
  READ_VEHICLE,
  SYNC_VEHICLE,
} from './vehicles.routes.ts';
import { VehiclesService } from './vehicles.service.ts';

/** The vehicles that are synced. */
@ApiTags('Fleet')
@Controller('api/v1/legacy-sync/vehicles')
export class VehiclesController {
  readonly #vehicles: VehiclesService;

  constructor(@Inject(VehiclesService) vehicles: VehiclesService) {
    this.#vehicles = vehicles;
  }

  @Route(LIST_VEHICLES)
  vehicles(@Input() { query }: InputOf<typeof LIST_VEHICLES>) {
    return this.#vehicles.list(query);
  }

  @Route(READ_VEHICLE)
  vehicle(@Input() { params }: InputOf<typeof READ_VEHICLE>) {
    return this.#vehicles.read(params.vehicleId);
  }

  @Route(LIST_SYNCS_OF_VEHICLE)
  syncsOfVehicle(@Input() { params }: InputOf<typeof LIST_SYNCS_OF_VEHICLE>) {
    return this.#vehicles.syncs(params.vehicleId);
  }

  @Route(READ_TRACK)
  track(@Input() { params }: InputOf<typeof READ_TRACK>) {
    return this.#vehicles.track(params.vehicleId);
  }

  @Route(READ_DIFFERENCES)
  differences(@Input() { params }: InputOf<typeof READ_DIFFERENCES>) {
    return this.#vehicles.differences(params.vehicleId);
  }

  @Route(CREATE_VEHICLE)
  createVehicle(@Input() { body: { reason, ...input } }: InputOf<typeof CREATE_VEHICLE>, @CurrentActor() actor: Actor) {
    return this.#vehicles.create(input, actor, reason);
  }

  @Route(CHANGE_VEHICLE)
  changeVehicle(
    @Input() { params, body: { reason, ...input } }: InputOf<typeof CHANGE_VEHICLE>,
    @CurrentActor() actor: Actor,
  ) {
    return this.#vehicles.change({ id: params.vehicleId, ...input }, actor, reason);
  }

  @Route(SYNC_VEHICLE)
  syncVehicle(@Input() { params, body }: InputOf<typeof SYNC_VEHICLE>, @CurrentActor() actor: Actor) {
    const { mode, reason } = body;
    return this.#vehicles.sync({ id: params.vehicleId, mode }, actor, reason);
  }
}
