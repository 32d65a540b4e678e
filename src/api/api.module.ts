import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { AlertsController } from './alerts/alerts.controller.ts';
import { AlertsService } from './alerts/alerts.service.ts';
import { AccessGuard } from './auth/access-guard.ts';
import { AuditController } from './auth/audit.controller.ts';
import { Callers } from './auth/callers.ts';
import { SessionController } from './auth/session.controller.ts';
import { AnswerInterceptor } from './core/answer.ts';
import { CoreModule } from './core.module.ts';
import { Attendance } from './core/attendance.ts';
import { ProblemFilter } from './problems/problem-filter.ts';
import { OperatorTasks } from './core/operator-tasks.ts';
import { AllowedMethods } from './problems/allowed-methods.ts';
import { RecentAnswers } from './core/recent-answers.ts';
import { DashboardController } from './dashboard/dashboard.controller.ts';
import { DashboardFiles } from './dashboard/dashboard-files.ts';
import { DocsController } from './docs/docs.controller.ts';
import { DatasetsService } from './graph/datasets.service.ts';
import { GraphController } from './graph/graph.controller.ts';
import { GraphReadingService } from './graph/graph-reading.service.ts';
import { WholeGraph } from './graph/whole-graph.ts';
import { GraphVersionsService } from './graph/graph-versions.service.ts';
import { HealthController } from './health/health.controller.ts';
import { HealthService } from './health/health.service.ts';
import { InspectionsController } from './inspections/inspections.controller.ts';
import { InspectionsService } from './inspections/inspections.service.ts';
import { KpisController } from './kpis/kpis.controller.ts';
import { KpisService } from './kpis/kpis.service.ts';
import { PausedController } from './paused/paused.controller.ts';
import { PausedService } from './paused/paused.service.ts';
import { QuarantineController } from './quarantine/quarantine.controller.ts';
import { QuarantineService } from './quarantine/quarantine.service.ts';
import { ReconciliationsController } from './reconciliations/reconciliations.controller.ts';
import { ReconciliationsService } from './reconciliations/reconciliations.service.ts';
import { RolloutsController } from './rollouts/rollouts.controller.ts';
import { RolloutsService } from './rollouts/rollouts.service.ts';
import { RunEvents } from './runs/run-events.ts';
import { RunsController } from './runs/runs.controller.ts';
import { RunsService } from './runs/runs.service.ts';
import { SchedulesController } from './schedules/schedules.controller.ts';
import { SchedulesService } from './schedules/schedules.service.ts';
import { ServersController } from './servers/servers.controller.ts';
import { ServersService } from './servers/servers.service.ts';
import { VehiclesController } from './vehicles/vehicles.controller.ts';
import { VehiclesService } from './vehicles/vehicles.service.ts';
import { MetricsController } from './metrics/metrics.controller.ts';
import { MetricsService } from './metrics/metrics.service.ts';
import { SettingsController } from './settings/settings.controller.ts';
import { SettingsService } from './settings/settings.service.ts';
import { ExecutionsService } from './pipeline/executions.service.ts';
import { WorkersController } from './pipeline/workers.controller.ts';
import { WorkersService } from './pipeline/workers.service.ts';

/** The module of the whole API. */
@Module({
  controllers: [
    HealthController,
    MetricsController,
    DocsController,
    DashboardController,
    SessionController,
    AuditController,
    WorkersController,
    PausedController,
    AlertsController,
    RunsController,
    VehiclesController,
    SchedulesController,
    KpisController,
    ServersController,
    InspectionsController,
    QuarantineController,
    ReconciliationsController,
    RolloutsController,
    GraphController,
    SettingsController,
  ],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: AnswerInterceptor },
    { provide: APP_INTERCEPTOR, useClass: RecentAnswers },
    Callers,
    AllowedMethods,
    DashboardFiles,
    HealthService,
    WorkersService,
    ExecutionsService,
    PausedService,
    AlertsService,
    SettingsService,
    Attendance,
    OperatorTasks,
    RunsService,
    RunEvents,
    VehiclesService,
    SchedulesService,
    KpisService,
    ServersService,
    InspectionsService,
    QuarantineService,
    ReconciliationsService,
    RolloutsService,
    GraphVersionsService,
    DatasetsService,
    GraphReadingService,
    WholeGraph,
    MetricsService,
  ],
})
export class ApiModule {
  static with(config: Config, logger: Logger): DynamicModule {
    return { module: ApiModule, imports: [CoreModule.with(config, logger)] };
  }
}
