/** The formats of lines; see {@link LogFormat}. */
export const LOG_FORMATS = ['json', 'ecs', 'otel', 'pretty'] as const;

/**
 * How a line looks. `pretty` is for a person at a terminal; `ecs` is JSON in the Elastic Common Schema; `otel` is JSON
 * in the OpenTelemetry log data model; `json` is `ecs` under the name that most settings have for it.
 */
export type LogFormat = (typeof LOG_FORMATS)[number];
