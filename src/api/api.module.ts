import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { AccessGuard } from './auth/access-guard.ts';
import { AuditController } from './auth/audit.controller.ts';
import { Callers } from './auth/callers.ts';
import { SessionController } from './auth/session.controller.ts';
import { AnswerInterceptor } from './core/answer.ts';
import { CoreModule } from './core/core.module.ts';
import { Attendance } from './core/attendance.ts';
import { ProblemFilter } from './core/problem-filter.ts';
import { OperatorTasks } from './core/operator-tasks.ts';
import { OtherMethods } from './core/other-methods.ts';
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
import { FleetController } from './legacy-sync/fleet.controller.ts';
import { QuarantineService } from './legacy-sync/quarantine.service.ts';
import { RunEvents } from './legacy-sync/run-events.ts';
import { RunsController } from './legacy-sync/runs.controller.ts';
import { RunsService } from './legacy-sync/runs.service.ts';
import { ServersService } from './legacy-sync/servers.service.ts';
import { VehiclesService } from './legacy-sync/vehicles.service.ts';
import { MetricsController } from './metrics/metrics.controller.ts';
import { MetricsService } from './metrics/metrics.service.ts';
import { SettingsController } from './settings/settings.controller.ts';
import { SettingsService } from './settings/settings.service.ts';
import { ExecutionsService } from './workers/executions.service.ts';
import { WorkersController } from './workers/workers.controller.ts';
import { WorkersService } from './workers/workers.service.ts';

/** Everything the API answers. */
@Module({
  controllers: [
    HealthController,
    MetricsController,
    DocsController,
    DashboardController,
    SessionController,
    AuditController,
    WorkersController,
    RunsController,
    FleetController,
    GraphController,
    SettingsController,
  ],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: AnswerInterceptor },
    { provide: APP_INTERCEPTOR, useClass: RecentAnswers },
    Callers,
    OtherMethods,
    DashboardFiles,
    HealthService,
    WorkersService,
    ExecutionsService,
    SettingsService,
    Attendance,
    OperatorTasks,
    RunsService,
    RunEvents,
    VehiclesService,
    ServersService,
    QuarantineService,
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
