import { ConflictError, defineErrors, ValidationError } from '@ent/errors';

/** Errors that this package throws. */
export const serviceErrors = defineErrors('create', {
  /** A name that cannot be that of a package, or an answer that a question does not have. */
  invalid_options: { class: ValidationError },
  /** The folder has something in it, or is a file. */
  folder_not_empty: { class: ConflictError },
});
