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
  invalid_options: {
    class: ConfigurationError,
    status: 500,
    title: 'The MCP server is set up wrongly',
    retryable: 'never',
    expose: false,
  },
  invalid_argument: {
    class: ValidationError,
    status: 422,
    title: 'An argument of the tool is wrong',
    retryable: 'never',
    expose: true,
  },
  not_found: {
    class: NotFoundError,
    status: 404,
    title: 'There is no such thing',
    retryable: 'never',
    expose: true,
  },
  refused: {
    class: UnsupportedError,
    status: 501,
    title: 'The server cannot tell that',
    retryable: 'never',
    expose: true,
  },
  timeout: {
    class: TimeoutError,
    status: 503,
    title: 'The tool took too long',
    retryable: 'always',
    expose: true,
  },
  busy: {
    class: OverloadedError,
    status: 503,
    title: 'Too many calls at once',
    retryable: 'always',
    expose: true,
  },
  unavailable: {
    class: OverloadedError,
    status: 503,
    title: 'The server behind the tool cannot be asked',
    retryable: 'always',
    expose: true,
  },
});
