/** What was expected of a value, in words; thrown without the value. */
export class Mismatch extends Error {
  /** `invalid_type` for what has another type; else the type is right, but no field of this kind can have the value. */
  readonly code: string;

  constructor(code: string, expected: string) {
    super(expected);
    this.code = code;
  }
}
