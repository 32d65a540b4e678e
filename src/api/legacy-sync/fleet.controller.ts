import { Controller, Inject } from '@nestjs/common';
import { type Actor, CurrentActor } from '../auth/actor.ts';
import { Input, type InputOf, Route } from '../core/route.ts';
import {
  CHANGE_SERVER,
  CHANGE_VEHICLE,
  CLOSE_CIRCUIT,
  CREATE_SERVER,
  CREATE_VEHICLE,
  LIST_QUARANTINE,
  LIST_SERVERS,
  LIST_VEHICLES,
  READ_QUARANTINED,
  READ_SERVER,
  READ_VEHICLE,
  REDRIVE,
  SYNC_VEHICLE,
  TEST_SERVER,
} from './fleet.routes.ts';
import { QuarantineService } from './quarantine.service.ts';
import { ServersService } from './servers.service.ts';
import { VehiclesService } from './vehicles.service.ts';

/** What runs are made of: vehicles, the legacy servers they are read from, and the rows that could not be taken over. */
@Controller('api/v1/legacy-sync')
export class FleetController {
  readonly #vehicles: VehiclesService;
  readonly #servers: ServersService;
  readonly #quarantine: QuarantineService;

  constructor(
    @Inject(VehiclesService) vehicles: VehiclesService,
    @Inject(ServersService) servers: ServersService,
    @Inject(QuarantineService) quarantine: QuarantineService,
  ) {
    this.#vehicles = vehicles;
    this.#servers = servers;
    this.#quarantine = quarantine;
  }

  @Route(LIST_VEHICLES)
  vehicles(@Input() { query }: InputOf<typeof LIST_VEHICLES>) {
    return this.#vehicles.list(query);
  }

  @Route(READ_VEHICLE)
  vehicle(@Input() { params }: InputOf<typeof READ_VEHICLE>) {
    return this.#vehicles.read(params.vehicleId);
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
    return this.#vehicles.sync(params.vehicleId, body.mode, actor, body.reason);
  }

  @Route(LIST_SERVERS)
  servers() {
    return this.#servers.list();
  }

  @Route(READ_SERVER)
  server(@Input() { params }: InputOf<typeof READ_SERVER>) {
    return this.#servers.read(params.serverId);
  }

  @Route(CREATE_SERVER)
  createServer(@Input() { body: { reason, ...input } }: InputOf<typeof CREATE_SERVER>, @CurrentActor() actor: Actor) {
    return this.#servers.create(input, actor, reason);
  }

  @Route(CHANGE_SERVER)
  changeServer(
    @Input() { params, body: { reason, ...input } }: InputOf<typeof CHANGE_SERVER>,
    @CurrentActor() actor: Actor,
  ) {
    return this.#servers.change({ ...input, id: params.serverId }, actor, reason);
  }

  @Route(TEST_SERVER)
  testServer(@Input() { params, body }: InputOf<typeof TEST_SERVER>, @CurrentActor() actor: Actor) {
    return this.#servers.test(params.serverId, actor, body.reason);
  }

  @Route(CLOSE_CIRCUIT)
  closeCircuit(@Input() { params, body }: InputOf<typeof CLOSE_CIRCUIT>, @CurrentActor() actor: Actor) {
    return this.#servers.closeCircuit(params.serverId, actor, body.reason);
  }

  @Route(LIST_QUARANTINE)
  quarantine(@Input() { query }: InputOf<typeof LIST_QUARANTINE>) {
    return this.#quarantine.list(query);
  }

  @Route(READ_QUARANTINED)
  quarantined(@Input() { params }: InputOf<typeof READ_QUARANTINED>) {
    return this.#quarantine.read(params.id);
  }

  @Route(REDRIVE)
  redrive(@Input() { body: { reason, ...input } }: InputOf<typeof REDRIVE>, @CurrentActor() actor: Actor) {
    return this.#quarantine.redrive(input, actor, reason);
  }
}
