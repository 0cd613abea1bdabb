import { demandOptions, refuseUnknown } from '@ent/internal';
import { middlewareErrors } from './errors.ts';
import { acceptedLanguage } from './internal/negotiate.ts';
import { headerOf, varying, withHeaders } from './internal/reply-headers.ts';
import type { Middleware } from './middleware.ts';

/** Titles of problems by their code, such as `{ 'http.route_not_found': 'Nicht gefunden' }`. */
export type ProblemTitles = Readonly<Record<string, string>>;

/** How {@link problemTitles} is set up. */
export interface ProblemTitlesOptions {
  /** Titles by language, as in `Accept-Language`: `de`, `pt-BR`. */
  titles: Readonly<Record<string, ProblemTitles>>;
  /** The language of the titles that the errors have by themselves. Default: `en`. */
  own?: string | undefined;
}

/**
 * Titles of problems in the language that the client likes best (RFC 9457, section 3.1.3; RFC 9110, section 12.5.4).
 * `code` stays the same, and so does `detail`, which is about this very occurrence. A problem whose code has no title
 * in the language keeps its own.
 *
 * @throws `middleware.invalid_options`
 * @example
 * ```ts
 * import { problemTitles } from '@ent/middleware';
 *
 * const german = { 'middleware.rate_limited': 'Zu viele Anfragen', not_found: 'Nicht gefunden' };
 * const middleware = [problemTitles({ titles: { de: german } })];
 * ```
 */
export function problemTitles(options: ProblemTitlesOptions): Middleware {
  refuseUnknown(options, { titles: true, own: true }, 'problemTitles', middlewareErrors.invalid_options);
  const { titles, own = 'en' } = options;
  demandOptions(titles, 'problemTitles: titles', middlewareErrors.invalid_options);
  for (const [language, words] of Object.entries(titles)) {
    demandOptions(words, `problemTitles: ${language}`, middlewareErrors.invalid_options);
  }
  const languages = [own, ...Object.keys(titles).filter((language) => language !== own)];

  return {
    name: 'problem-titles',
    reply(exchange, reply) {
      const { headers, body } = reply;
      if (typeof body !== 'string' || headerOf(headers, 'content-type') !== 'application/problem+json')
        return undefined;
      const accepted = exchange.header('accept-language');
      const vary = varying(headers, 'Accept-Language');
      const language = accepted === undefined ? own : (acceptedLanguage(accepted, languages) ?? own);
      const problem = parsed(body);
      if (problem === undefined) return undefined;
      const words = Object.hasOwn(titles, language) ? (titles[language] as ProblemTitles) : {};
      const title = Object.hasOwn(words, problem.code ?? '') ? words[problem.code as string] : undefined;
      if (title === undefined) return { ...reply, headers: withHeaders(headers, { vary, 'content-language': own }) };
      return {
        ...reply,
        headers: withHeaders(headers, { vary, 'content-language': language }),
        body: JSON.stringify({ ...problem, title }),
      };
    },
  };
}

/** A handler may write problems by itself, and wrongly. */
function parsed(body: string): { title?: string; code?: string } | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
