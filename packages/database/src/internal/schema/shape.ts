import type { FieldType, NativeType } from '../../field.ts';
import { quoted } from './names.ts';

/** What a type of column is to us. */
export interface ColumnKind {
  /** The field for it; undefined where there is none. */
  readonly field?: FieldKind | undefined;
  /** The TypeScript type of what `db.native.kysely` answers, and of what can be bound. */
  readonly read: string;
  readonly write: string;
}

export interface FieldKind {
  readonly type: FieldType;
  readonly as?: NativeType | undefined;
  /** A narrower TypeScript type, for `typed<...>()`. */
  readonly narrow?: string | undefined;
}

export interface ColumnShape extends ColumnKind {
  readonly name: string;
  /** Its type, as the database writes it. */
  readonly native: string;
  readonly nullable: boolean;
  /** The database fills it in where nothing is given: a default, an identity. */
  readonly filled: boolean;
  /** By counting. */
  readonly counted?: boolean | undefined;
  /** Nothing can be given. */
  readonly computed: boolean;
}

export interface TableShape {
  /** Where it is not the one that names without a schema mean. */
  readonly schema: string | undefined;
  readonly name: string;
  readonly isView: boolean;
  readonly columns: readonly ColumnShape[];
  /** The columns of its primary key; none where it has none. */
  readonly primary: readonly string[];
  /** Its other unique keys, of all rows. */
  readonly unique: readonly (readonly string[])[];
}

/** The union of some texts, as a type. */
export function unionOf(labels: readonly string[]): string {
  return labels.map(quoted).join(' | ');
}

/** A kind whose values are the same in both directions. */
export function kind(values: string, field?: FieldKind, write = values): ColumnKind {
  return { field, read: values, write };
}
