import { describe, EntError } from './error.ts';

// Titles are the phrases of the HTTP status, as RFC 9457 section 4.2.1 asks for problems of the type about:blank.

/** An input that can be read but is wrong: 422, with `issues` that point at each fault. */
export class ValidationError extends EntError {
  static {
    describe(this, 'ValidationError', {
      code: 'validation',
      status: 422,
      title: 'Unprocessable Content',
      retryable: 'never',
      expose: true,
    });
  }
}

/** A request that can not be read at all: 400. */
export class BadRequestError extends EntError {
  static {
    describe(this, 'BadRequestError', {
      code: 'bad_request',
      status: 400,
      title: 'Bad Request',
      retryable: 'never',
      expose: true,
    });
  }
}

/** Who calls is not known: 401. Use one message for every reason, so that it tells nothing about accounts. */
export class AuthenticationError extends EntError {
  static {
    describe(this, 'AuthenticationError', {
      code: 'unauthenticated',
      status: 401,
      title: 'Unauthorized',
      retryable: 'never',
      expose: true,
    });
  }
}

/** Who calls is known and may not: 403. */
export class AuthorizationError extends EntError {
  static {
    describe(this, 'AuthorizationError', {
      code: 'forbidden',
      status: 403,
      title: 'Forbidden',
      retryable: 'never',
      expose: true,
    });
  }
}

/** What was asked for does not exist, or its existence is not to be told: 404. */
export class NotFoundError extends EntError {
  static {
    describe(this, 'NotFoundError', {
      code: 'not_found',
      status: 404,
      title: 'Not Found',
      retryable: 'never',
      expose: true,
    });
  }
}

/** The request contradicts the present state, such as an address that is taken: 409. */
export class ConflictError extends EntError {
  static {
    describe(this, 'ConflictError', {
      code: 'conflict',
      status: 409,
      title: 'Conflict',
      retryable: 'never',
      expose: true,
    });
  }
}

/** A condition of the request (`If-Match`) does not hold any more: 412. */
export class PreconditionFailedError extends EntError {
  static {
    describe(this, 'PreconditionFailedError', {
      code: 'precondition_failed',
      status: 412,
      title: 'Precondition Failed',
      retryable: 'never',
      expose: true,
    });
  }
}

/** This caller asked too often: 429. Say when to come back with `retryAfterMs`. */
export class RateLimitedError extends EntError {
  static {
    describe(this, 'RateLimitedError', {
      code: 'rate_limited',
      status: 429,
      title: 'Too Many Requests',
      retryable: 'always',
      expose: true,
    });
  }
}

/** Everybody asks too much: 503. The work was refused before it began. */
export class OverloadedError extends EntError {
  static {
    describe(this, 'OverloadedError', {
      code: 'overloaded',
      status: 503,
      title: 'Service Unavailable',
      retryable: 'always',
      expose: false,
    });
  }
}

/** A deadline passed: 503. The work may have been done all the same, so only idempotent work may be tried again. */
export class TimeoutError extends EntError {
  static {
    describe(this, 'TimeoutError', {
      code: 'timeout',
      status: 503,
      title: 'Service Unavailable',
      retryable: 'idempotent',
      expose: false,
    });
  }
}

/** What was asked for is beyond this driver or platform: 501. Thrown before anything was done. */
export class UnsupportedError extends EntError {
  static {
    describe(this, 'UnsupportedError', {
      code: 'unsupported',
      status: 501,
      title: 'Not Implemented',
      retryable: 'never',
      expose: false,
    });
  }
}

/** The database refused or failed: 500. */
export class DatabaseError extends EntError {
  static {
    describe(this, 'DatabaseError', {
      code: 'database',
      status: 500,
      title: 'Internal Server Error',
      retryable: 'never',
      expose: false,
    });
  }
}

/** The cache failed: 503. */
export class CacheError extends EntError {
  static {
    describe(this, 'CacheError', {
      code: 'cache',
      status: 503,
      title: 'Service Unavailable',
      retryable: 'idempotent',
      expose: false,
    });
  }
}

/** The message broker failed: 503. */
export class MessageQueueError extends EntError {
  static {
    describe(this, 'MessageQueueError', {
      code: 'message_queue',
      status: 503,
      title: 'Service Unavailable',
      retryable: 'idempotent',
      expose: false,
    });
  }
}

/** A setting or an option is wrong: 500. The one who runs the program can fix it, not the client. */
export class ConfigurationError extends EntError {
  static {
    describe(this, 'ConfigurationError', {
      code: 'configuration',
      status: 500,
      title: 'Internal Server Error',
      retryable: 'never',
      expose: false,
    });
  }
}
