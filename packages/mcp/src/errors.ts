import {
  ConfigurationError,
  defineErrors,
  NotFoundError,
  OverloadedError,
  TimeoutError,
  UnsupportedError,
  ValidationError,
} from '@ent/errors';

/** What can go wrong with a server of tools. All but `invalid_options` are told to the client, with their message. */
export const mcpErrors = defineErrors('mcp', {
  /** An option or a part is unknown, missing or of the wrong kind, or a URL is none. Never told to clients. */
  invalid_options: {
    class: ConfigurationError,
    status: 500,
    title: 'The MCP server is set up wrongly',
    retryable: 'never',
    expose: false,
  },
  /** An argument is well formed, and the server behind the tool does not understand it. */
  invalid_argument: {
    class: ValidationError,
    status: 422,
    title: 'An argument of the tool is wrong',
    retryable: 'never',
    expose: true,
  },
  /** There is no such metric, group, key, queue or index. */
  not_found: {
    class: NotFoundError,
    status: 404,
    title: 'There is no such thing',
    retryable: 'never',
    expose: true,
  },
  /** The server behind the tool cannot tell that, or not to this login. */
  refused: {
    class: UnsupportedError,
    status: 501,
    title: 'The server cannot tell that',
    retryable: 'never',
    expose: true,
  },
  /** A tool took longer than `timeout` of `createMcp`. */
  timeout: {
    class: TimeoutError,
    status: 503,
    title: 'The tool took too long',
    retryable: 'always',
    expose: true,
  },
  /** Sixteen calls of tools run already, or hang. */
  busy: {
    class: OverloadedError,
    status: 503,
    title: 'Too many calls at once',
    retryable: 'always',
    expose: true,
  },
  /** The server behind the tool cannot be reached, or answered an error. */
  unavailable: {
    class: OverloadedError,
    status: 503,
    title: 'The server behind the tool cannot be asked',
    retryable: 'always',
    expose: true,
  },
});
