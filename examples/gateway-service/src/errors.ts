import {
  BadRequestError,
  ConfigurationError,
  defineErrors,
  NotFoundError,
  OverloadedError,
  TimeoutError,
} from '@ent/errors';

/** What the gateway itself refuses or could not do. What a service answers goes through as it is. */
export const gatewayErrors = defineErrors('gateway', {
  /** The table of routes cannot be used: the gateway does not start. */
  invalid_table: { class: ConfigurationError, title: 'Invalid Table' },
  /** No route has a prefix of this path. */
  no_route: { class: NotFoundError, title: 'No Route' },
  /** The path means another one to whoever resolves `..`, `%2f` or `\`; routes could be walked around by it. */
  ambiguous_path: { class: BadRequestError, title: 'Ambiguous Path' },
  /** The body has more bytes than the route lets through. */
  body_too_large: { class: BadRequestError, status: 413, title: 'Content Too Large' },
  /** The request has something that cannot be said to a service, or broke off. */
  unsendable: { class: BadRequestError, title: 'Request Cannot Be Sent On' },
  /** All instances of the service are left out, since they failed again and again. */
  service_unavailable: { class: OverloadedError, title: 'Service Unavailable' },
  /** The instance could not be reached, cut the connection, or answered what is not HTTP. */
  bad_gateway: { class: OverloadedError, status: 502, title: 'Bad Gateway' },
  /** The service gave no answer before the deadline. */
  timed_out: { class: TimeoutError, status: 504, title: 'No Answer In Time' },
});
