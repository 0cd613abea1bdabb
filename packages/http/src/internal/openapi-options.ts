/** The names of the options of `openapi`. */
export const OPENAPI_OPTIONS = {
  title: true,
  version: true,
  description: true,
  contact: true,
  license: true,
  servers: true,
  tags: true,
} as const;
