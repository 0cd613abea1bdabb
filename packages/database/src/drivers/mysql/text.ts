import { sql } from 'kysely';

// By code point, trailing spaces included, whatever the charset of the database. The two servers have different names
// for it, and neither knows the other's; each reads one of these comments.
// https://mariadb.com/docs/server/reference/sql-structure/sql-language-structure/comment-syntax
export const byCodePoint = sql.raw('/*M!100600 collate utf8mb4_nopad_bin */ /*!80017 collate utf8mb4_0900_bin */');

/** A column of text that is compared so. */
export const text = sql`character set utf8mb4 ${byCodePoint}`;
