/**
 * Of the primary, where reads go to replicas: on one that is a second behind a session that has just begun is unknown,
 * and one that was ended lives on.
 */
export const LATEST = { from: 'primary' } as const;
