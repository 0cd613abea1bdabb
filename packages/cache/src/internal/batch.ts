/** How many keys go into one call. More keep the backend busy for too long at a time. */
export const MAX_BATCH = 500;
