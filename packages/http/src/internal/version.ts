/** The versions of an API, and how a request says which one it wants. */
export interface Versioning {
  /** In lower case, `accept` for a media type; `undefined` for the path. */
  readonly header: string | undefined;
  /** What `Accept` names versions of, such as `application/vnd.shop`. */
  readonly mediaType: string | undefined;
  /** In the order in which they were given. */
  readonly supported: readonly string[];
  /** That of who does not say. */
  readonly standard: string | undefined;
}

/** To which version of an API a route belongs. */
export interface RouteVersion {
  readonly name: string;
  /** The path of the route within its version. */
  readonly path: string;
  readonly of: Versioning;
}
