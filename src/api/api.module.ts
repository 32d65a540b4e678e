import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import type { Config } from '../config.ts';
import type { Logger } from '../logger.ts';
import { AccessGuard } from './auth/access-guard.ts';
import { SessionController } from './auth/session.controller.ts';
import { AnswerInterceptor } from './core/answer.ts';
import { CoreModule } from './core/core.module.ts';
import { ProblemFilter } from './core/problem-filter.ts';
import { DocsController } from './docs/docs.controller.ts';
import { HealthController } from './health/health.controller.ts';
import { HealthService } from './health/health.service.ts';
import { SettingsController } from './settings/settings.controller.ts';
import { SettingsService } from './settings/settings.service.ts';
import { ExecutionsService } from './workers/executions.service.ts';
import { WorkersController } from './workers/workers.controller.ts';
import { WorkersService } from './workers/workers.service.ts';

/** Everything the API answers. */
@Module({
  controllers: [HealthController, DocsController, SessionController, WorkersController, SettingsController],
  providers: [
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
    { provide: APP_INTERCEPTOR, useClass: AnswerInterceptor },
    HealthService,
    WorkersService,
    ExecutionsService,
    SettingsService,
  ],
})
export class ApiModule {
  static with(config: Config, logger: Logger): DynamicModule {
    return { module: ApiModule, imports: [CoreModule.with(config, logger)] };
  }
}
