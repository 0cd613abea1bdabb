/** What to do about each error code, for docs/errors.md. One that is not here has the advice of its class. */
export const ADVICE: Readonly<Record<string, string>> = {
  'auth.token_missing': 'Send `Authorization: Bearer <access token>`.',
  'auth.token_invalid': 'Refresh the session, then try once more; the log has the reason in `details.reason`.',
  'auth.dpop_nonce_required': 'Make the proof once more, with the nonce that stands in the header `DPoP-Nonce`.',
  'auth.refresh_invalid':
    'Log in again. Used a second time, a refresh token ends its session: see that clients keep the newest.',
  'auth.identity_taken': 'Log in by it, or end its link to the other account first.',
  'auth.login_failed': 'Begin the login anew; the log has the reason in `details.reason`.',
  'auth.credentials_invalid': 'Ask for the password again; do not tell which of the two was wrong.',
  'auth.forbidden': 'Give the role or scope that the policy asks for, or hide what is not allowed.',
  'auth.api_key_rejected': 'Mend the name or the scopes, as `issues` says.',
  'auth.api_key_unknown': 'Look for the id among the keys of that owner.',
  'auth.single_use_invalid': 'Ask for a new link or code; the log has the reason in `details.reason`.',
  'auth.code_invalid':
    'Ask for a new code. If good ones are refused, look at the clocks of the phone and of the server.',
  'auth.passkey_invalid': 'Ask for the passkey once more; the log has the reason in `details.reason`.',
  'auth.passkey_rejected': 'Begin the registration anew; the log has the reason in `details.reason`.',
  'auth.policy_changed': 'Read the policy anew, make the change in that one, and replace it.',
  'auth.totp_enrolled': 'Check codes by the second factor that there is, or remove it first.',
  'auth.totp_not_enrolled': 'Enrol a second factor first.',
  'auth.step_up_required': 'Log in again, or with a second factor, and call once more with the new token.',
  'auth.password_rejected': 'Show `issues` beside the field, and let the user choose another one.',
  'auth.too_many_attempts': 'Wait for `retryAfterMs`. If it meets people who did nothing wrong, look at the limits.',
  'auth.overloaded': 'Try again after `retryAfterMs`; if it stays, add processes, or threads (`UV_THREADPOOL_SIZE`).',
  'auth.store_failed': 'Look at `cause` and at the database or cache behind the store.',
  'auth.issuer_unavailable':
    'Try again after `retryAfterMs`; see whether the issuer answers from here, and takes this client.',

  'cache.timeout':
    "See how loaded the backend and the event loop are. Where a miss is good enough, set `onError: 'miss'`.",
  'cache.unavailable':
    "See whether the backend runs, and the address and credentials. `onError: 'miss'` rides out an outage.",
  'cache.circuit_open':
    'Wait: after its cooldown one call tries the backend again. The cause is in the errors before it.',
  'cache.load_timeout':
    'Make the factory faster, raise `hardTimeout`, or give `grace` so that a stale value can answer.',
  'cache.lock_timeout': 'Try again later, or wait longer; see what its holder is doing for so long.',
  'cache.lock_lost':
    'Stop the work when the signal aborts; make the lease longer than the longest pause of the process.',
  'cache.closed': 'Close the cache after all who use it: it belongs to the end of the order of `createLifecycle`.',
  'cache.driver_failed':
    'Read `cause`; often something else writes under the same keys: give the cache a `prefix` of its own.',
  'cache.contended': 'Try again, or spread the load over several keys.',
  'cache.invalid_key': 'Make the key of an id that is there; `undefined` in a template is the usual reason.',
  'cache.invalid_ttl': 'Write a duration: `"30s"`, `"5m"`, `"1d"`, or `null` for no end.',
  'cache.invalid_argument': 'Mend the argument that the message names.',
  'cache.value_too_large': 'Store less, compress by a serializer, or raise the limit where it is ours.',
  'cache.not_serializable': 'Store plain data, or give a `serializer` that keeps the type, such as MessagePack or V8.',
  'cache.not_a_counter': 'Use another key for counters than for values.',

  'config.invalid': 'Mend all that the message lists; it names each variable and where its value came from.',

  'create.invalid_options': 'Take a name or an answer that the message lists.',
  'create.folder_not_empty': 'Name a new folder, or empty this one.',

  'database.unique_violation': 'Catch it by `isUniqueViolation(error, field)`, and say which value is taken.',
  'database.foreign_key_violation':
    'Store the row that is pointed at first; delete those that point here before the row.',
  'database.not_null_violation': 'Give the value, or make the field `nullable` in the entity too.',
  'database.check_violation': 'Check the rule before the write; `details.constraint` names it.',
  'database.bad_data': 'Give the field the type that its column has; see the table of types.',
  'database.serialization_failure': 'Nothing was stored: run the whole transaction again, and keep transactions short.',
  'database.deadlock':
    'Nothing was stored: run the whole transaction again, and touch rows in the same order everywhere.',
  'database.lock_timeout': 'Try again; see which transaction holds the lock for so long.',
  'database.timeout': 'Look at the plan of the query and at locks; raise the deadline only after that.',
  'database.pool_timeout': 'Look for a transaction that waits for something else, then at the size of the pool.',
  'database.unavailable':
    'See whether the server runs, and the URL. Reads may be tried again, and writes where that is harmless.',
  'database.read_only': 'Connect to the primary, or to a file that may be written.',
  'database.full': 'Make room; nothing was stored.',
  'database.query_failed': 'Read `cause`: mostly a migration that has not run, or SQL of `db.native`.',
  'database.closed': 'Close the database after all who use it.',
  'database.not_found': 'Answer 404, or look by `find`.',
  'database.version_conflict': 'Read the row again, apply the change to what is there now, and write that.',
  'database.invalid_value': 'Mend the values at which `issues` point.',
  'database.invalid_query': 'Mend what `issues` point at; allow clients only the fields that you list.',
  'database.tenant_missing': 'Put the work into `withTenant(id, work)`, or say `acrossTenants`.',
  'database.invalid_cursor': 'Begin at the first page again.',
  'database.changes_lost': 'Read what is watched anew, then watch from there.',
  'database.transaction_ended': 'Await each call inside of the callback of `transaction`.',
  'database.commit_unknown': 'Look whether the change is there before it is done again.',
  'database.transaction_failed': 'Mend the first failure, `cause`; what may fail goes into a nested transaction.',
  'database.after_commit_failed': 'Do not run the transaction again. What must happen with it belongs into an outbox.',
  'database.migration_failed': 'Mend the migration by `cause`, and run it again; those before it stay applied.',
  'database.migration_drift': 'Put the applied migration back as it was, and write a new one for the change.',
  'database.migration_irreversible': 'Write a new migration that undoes it.',
  'database.seed_failed': 'Mend the seed by `cause`, and run it again.',

  'http.route_not_found': 'Mend the URL of the client; the document at `/openapi.json` lists those that there are.',
  'http.method_not_allowed': 'Use a method that `Allow` lists.',
  'http.file_not_found': 'Mend the URL of the client, or put the file into the folder that the route serves.',
  'http.not_acceptable': 'Send one of the media types of `details.available` in `Accept`, or none.',
  'http.malformed_path': 'Encode each part of the path by `encodeURIComponent`.',
  'http.unsupported_version': 'Ask for one of `details.supported`.',
  'http.invalid_request': 'Mend what `errors` points at, by JSON pointer.',
  'http.malformed_request': 'Mend the client, or what stands between; 408, 413, 417 and 431 say what was too much.',
  'http.token_missing': 'Send `Authorization: Bearer <token>`, or what else the document of the API asks for.',
  'http.token_invalid': 'Send `Bearer` and one token, or one API key, of at most 8,192 characters.',
  'http.unauthenticated':
    'Send credentials that are valid; an `auth` of yours throws its own error for a better reason.',
  'http.draining': 'Nothing: end what the signal belongs to; the client connects again.',
  'http.webhook_unsigned':
    'Send the headers of the scheme that `signedWebhook()` was given; see the page of the sender.',
  'http.webhook_forged': 'Compare the secret with that of the sender; nothing in between may change the body.',
  'http.webhook_expired': 'Set the clocks right; a delivery that is sent again has to be signed again.',
  'http.webhook_in_progress': 'Nothing: the sender tries again. If that goes on, see what the handler waits for.',
  'http.webhook_lease_lost':
    'See why the process stood still, or the store was away, for longer than the lease; take a longer `lease`.',
  'http.invalid_handshake': 'Connect by a client of WebSockets (RFC 6455), version 13.',
  'http.socket_closed': 'Nothing: end what the signal belongs to.',
  'http.response_invalid': 'Mend the handler or the schema: the log has what did not fit.',
  'http.unreachable': 'See whether the service runs, and the URL; `cause` says what failed. Reads may be tried again.',
  'http.call_timeout': 'See what the service waits for; `timeout` of the call or the client gives it longer.',
  'http.unexpected_answer':
    'See what stands between: a proxy, another service at that URL, or one of another version than the types.',

  'lifecycle.start_failed': 'Mend what `cause` says of `details.component`, and start again.',
  'lifecycle.start_timeout': 'See what the component waits for; raise `startTimeout` only if that is normal.',
  'lifecycle.start_aborted': 'Nothing: the process was told to stop.',
  'lifecycle.stop_failed': 'Read `cause`: what that component was to write may be lost.',
  'lifecycle.stop_timeout':
    'See what the component still did; the kill timeout of the orchestrator is longer than `stopTimeout`.',
  'lifecycle.wrong_state': 'Add all components before `start()`, and make a new lifecycle for a new start.',
  'lifecycle.check_failed': 'Look at the part that the check is named after.',
  'lifecycle.check_timeout': 'Look at the part that the check is named after, then at the timeout of the check.',

  'logging.sink_unavailable': 'Make the folder, and let the user of the process write there.',

  'mcp.invalid_options': 'Read the message: it names the option, and what it takes.',
  'mcp.invalid_argument': 'Mend the argument that the message names; `tools/list` has what each takes.',
  'mcp.not_found': 'Ask for the names that there are, with the tool that lists them.',
  'mcp.refused': 'Give the login what the message says, or set the URL that it names.',
  'mcp.timeout': 'Ask for less, or see what hangs behind the tool: `health` tells. `createMcp` has `timeout`.',
  'mcp.busy': 'Ask again later; if it stays, something behind the tools hangs: each call that hangs counts.',
  'mcp.unavailable': 'See whether the server behind the tool runs, and the URL.',

  'messaging.timeout': 'Publish again with the same `id`, so that an inbox counts it once; see how the broker does.',
  'messaging.unavailable': 'See whether the broker runs, and the URL. An outbox keeps messages through an outage.',
  'messaging.rejected': 'Try again later: consumers are too slow, or the queue is too short.',
  'messaging.unroutable': 'Subscribe the group before, or publish without `mandatory`.',
  'messaging.request_failed': 'Look at `details.code`, and at the log of who answered.',
  'messaging.closed': 'Close messaging after all who publish.',
  'messaging.driver_failed': 'Read `cause`.',
  'messaging.not_serializable': 'Publish plain data, or give a serializer that keeps the type.',
  'messaging.invalid_payload': 'Mend what `issues` point at, or the schema; old messages must still fit a new schema.',
  'messaging.unknown_content_type':
    'Give this subscriber the serializer of the publisher, then send the dead letters again.',
  'messaging.too_large': 'Publish a reference to what is stored elsewhere.',
  'messaging.unprocessable': 'Look at the dead letter; `ent-mq` sends it again once it is mended.',
  'messaging.busy': 'It comes again by itself. If it stays, look at `cause`, or handle fewer at once (`concurrency`).',
  'messaging.lease_lost': 'Stop the work: another subscriber does it. Make `lease` longer, or handlers shorter.',
  'messaging.no_transaction': 'Call `outbox.publish` inside of `db.transaction`.',

  'middleware.body_too_large': 'Send less, or raise the limit of that route.',
  'middleware.body_unparsable': 'Send what the content type says, in UTF-8; the message names the place.',
  'middleware.body_consumed':
    'Read the body once, by `readJson` or `exchange.bytes`; no other body parser goes before.',
  'middleware.unsupported_media_type':
    'Send a content type and an encoding that the route takes, as `application/json` in UTF-8.',
  'middleware.malformed_target': 'Mend the client: the target begins with `/`.',
  'middleware.request_aborted': 'Nothing; many of them are a timeout of clients, or of a proxy.',
  'middleware.precondition_failed': 'Read it again, apply the change to the new version, and send its ETag.',
  'middleware.precondition_required': 'Read it first, and send its ETag in `If-Match`.',
  'middleware.range_not_satisfiable': 'Ask for a range within the size that `Content-Range` says.',
  'middleware.cross_site':
    'Send the request from a page of this origin, or list the other one in `origins`; programs say `Origin`.',
  'middleware.idempotency_key_invalid': 'Send a new random key, such as a UUID, with each new request.',
  'middleware.idempotency_key_in_use': 'Send the same again after `Retry-After`.',
  'middleware.idempotency_key_reused': 'Make a new key for each request; repeat one only with the same body.',
  'middleware.idempotency_lease_lost':
    'See why the process stood still, or the store was away, for longer than the lease; take a longer `lease`.',
  'middleware.timed_out': 'Send it again later; see what the handler waits for, or raise the limit.',
  'middleware.upstream_timed_out': 'Send it again later; see how the service does that was waited for.',
  'middleware.rate_limited':
    'Wait for `Retry-After`. Behind a proxy, set `trustProxies`, or all clients share one limit.',
  'middleware.store_timeout': 'See how the backend of the limits does; each process counts for itself meanwhile.',
  'middleware.store_unavailable': 'Send it again after `Retry-After`; see how the cache does that keeps the keys.',
  'middleware.store_contended': 'Count by a finer key, or in a store that decides in one step, such as Redis.',
  'middleware.invalid_reply': 'Mend the handler by what the message says.',
  'middleware.context_not_run': 'Call `run()` in the `context` hook, and await what it gives.',

  'observability.collect_timeout': 'Make the `collect` of that metric faster, or raise `collectTimeout`.',

  'serialization.not_lossless': 'Change the value at `details.pointer`, or take a codec that keeps it.',
  'serialization.corrupt': 'Treat it as absent. If it comes often, something else writes there.',
  'serialization.other_version': 'Treat it as absent: it is from before or after a deployment.',
  'serialization.unknown_key': 'Add the old key to `keys` for as long as bytes of it are stored.',
  'serialization.too_large': 'Raise `maxInflatedBytes` if the value is yours; if not, somebody sends a bomb.',
  'serialization.invalid_options': 'Mend the option that the message names.',

  bad_request: 'Mend the request.',
  cache: 'See `cause`.',
  configuration: 'Mend the option that the message names.',
  conflict: 'Read what is there now, and decide again.',
  database: 'See `cause`.',
  forbidden: 'Ask for the right, or do without.',
  internal: 'Find it in the log by its `id`; a client gets that as `instance`.',
  message_queue: 'See `cause`.',
  not_found: 'Mend the id or the path.',
  overloaded: 'Try again later; nothing was done.',
  precondition_failed: 'Read it again, and send the new ETag.',
  rate_limited: 'Wait for `Retry-After`.',
  timeout: 'Try again if the operation may be done twice.',
  unauthenticated: 'Send valid credentials.',
  unsupported: 'Do without, or take a driver that can: see the table of drivers.',
  validation: 'Mend what `errors` points at.',
};

/** By the name of the class. */
export const ADVICE_OF_CLASS: Readonly<Record<string, string>> = {
  ConfigurationError: 'Mend what the message names: it shows when the process starts, and no client can cause it.',
  UnsupportedError: 'Do without, or take a driver that can: see the table of drivers in the README.',
};
