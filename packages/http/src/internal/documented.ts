import type { $ZodType } from 'zod/v4/core';

/** A media type of the document. */
export interface MediaDocument {
  /** Without one it is bytes. */
  readonly schema?: $ZodType | undefined;
  /** Content types of the parts of a form, by name. */
  readonly encoding?: Readonly<Record<string, { readonly contentType: string }>> | undefined;
}

/** A body that is not JSON, as the document has it. */
export interface BodyDocument {
  readonly required: boolean;
  readonly content: Readonly<Record<string, MediaDocument>>;
}

/** An answer that is more than a schema, as the document has it. */
export interface AnswerDocument {
  /** Default: the phrase of the status. */
  readonly description?: string | undefined;
  readonly content: Readonly<Record<string, MediaDocument>>;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** What the route then answers too: statuses of problems, and of answers without a body. */
  readonly problems?: readonly number[] | undefined;
  readonly others?: Readonly<Record<number, AnswerDocument>> | undefined;
}
